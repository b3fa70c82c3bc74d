// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/service.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

#include "app/worker/backends.h"
#include "core/worker/frame_buffer.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

constexpr std::size_t max_tickets = 1024;
constexpr auto stop_timeout = std::chrono::seconds(5); // for a job to follow its stop at the end of input

OrderedJson error_line(const OrderedJson& id, ErrorKind kind, const std::string& sentence) {
  return {{"id", id}, {"error", to_json(kind, sentence)}};
}

// For the exception in flight.
OrderedJson error_line(const OrderedJson& id) {
  const std::string sentence = current_exception_sentence();
  try {
    throw;
  } catch (const Error& error) {
    return error_line(id, error.kind(), sentence);
  } catch (const std::bad_alloc&) {
    return error_line(id, ErrorKind::resource, sentence);
  } catch (...) {
    return error_line(id, ErrorKind::internal, sentence);
  }
}

void refuse_unknown_fields(const JsonObject& request, const std::string& verb,
                           const std::set<std::string>& known) {
  for (const auto& [field, value] : request.json().items())
    if (field != "id" && field != "do" && !known.contains(field))
      throw Error(ErrorKind::usage, "\"" + verb + "\" knows no field \"" + field + "\"");
}

} // namespace

Service::Service(Output& output, std::map<std::string, Job> jobs)
    : output_(output)
    , jobs_(std::move(jobs))
    , worker_([this] { work(); }) {}

// Also where serve() has thrown: the thread ends when it is told to, and not before.
Service::~Service() {
  cancel_all();
  worker_.join();
}

void Service::serve(int input) {
  FrameBuffer frames(max_worker_line_bytes);
  char buffer[1 << 16];
  for (;;) {
    const ssize_t size = ::read(input, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    frames.push({buffer, std::size_t(size)});
    while (const auto line = frames.next_line()) {
      if (line->too_long)
        output_.send(
            error_line(nullptr, ErrorKind::input,
                       "the line is longer than " + std::to_string(max_worker_line_bytes) + " bytes"));
      else if (!line->text.empty())
        take(line->text);
    }
  }
}

void Service::take(const std::string& line) {
  OrderedJson id; // null until it is known
  try {
    const Json json = parse_json(line, "the request");
    const JsonObject request(json, "the request");
    const std::uint64_t number = request.count("id", 0, max_request_id);
    id = number;
    accept(request, number);
  } catch (...) {
    output_.send(error_line(id));
  }
}

void Service::accept(const JsonObject& request, std::uint64_t id) {
  const std::string verb = request.string("do");
  if (verb == "cancel") {
    refuse_unknown_fields(request, verb, {"job"});
    const bool found = cancel(request.count("job", 0, max_request_id));
    return output_.send({{"id", id}, {"result", {{"found", found}}}});
  }
  const auto job = jobs_.find(verb);
  if (job == jobs_.end()) {
    std::string known = "cancel";
    for (const auto& [name, unused] : jobs_) known += ", " + name;
    throw Error(ErrorKind::usage, "unknown request \"" + verb + "\": this worker knows " + known);
  }
  refuse_unknown_fields(request, verb, job->second.fields);
  auto ticket = std::make_shared<Ticket>();
  ticket->id = id;
  ticket->job = &job->second;
  ticket->request = request.json();
  const std::lock_guard lock(mutex_);
  if (tickets_.size() >= max_tickets)
    throw Error(ErrorKind::resource, "too many requests are waiting: wait for answers first");
  for (const auto& other : tickets_)
    if (other->id == id)
      throw Error(ErrorKind::usage, "request " + std::to_string(id) + " is still being done: count on");
  tickets_.push_back(std::move(ticket));
  came_.notify_one();
}

bool Service::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(tickets_.begin(), tickets_.end(), [&](const auto& ticket) { return ticket->id == id; });
  if (found == tickets_.end()) return false;
  (*found)->stop.request_stop();
  return true;
}

void Service::cancel_all() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  for (const auto& ticket : tickets_) ticket->stop.request_stop();
  came_.notify_one();
  if (worked_off_.wait_for(lock, stop_timeout, [&] { return ended_; })) return;
  // The device hangs. Without its owner this process must not stay.
  std::fputs("intarsia-worker: the job did not stop in time\n", stderr);
  ::_exit(1);
}

// Whatever is tried next on the device would fail: the client starts a fresh worker. Destructors are left
// out, as they would wait for the device.
void Service::exit_after_reply(OrderedJson answer) {
  answer["last"] = true;
  output_.send(std::move(answer));
  ::_exit(1);
}

void Service::work() {
  LoadedModels models;
  for (;;) {
    std::shared_ptr<Ticket> ticket;
    {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [&] { return ending_ || !tickets_.empty(); });
      if (tickets_.empty()) break;
      ticket = tickets_.front();
    }
    JobContext context(models, output_, ticket->id, ticket->stop.get_token());
    OrderedJson answer{{"id", ticket->id}};
    JobResult result;
    try {
      context.control().throw_if_stopped();
      context.event({{"started", true}});
      result = ticket->job->run(JsonObject(ticket->request, "the request"), context);
      answer["result"] = std::move(result.result);
    } catch (...) {
      answer = error_line(ticket->id);
      result.payload.clear();
      if (a_device_is_lost()) exit_after_reply(std::move(answer));
    }
    {
      // Before its answer: whoever has read it may use the number again.
      const std::lock_guard lock(mutex_);
      tickets_.pop_front();
    }
    output_.send(std::move(answer), result.payload);
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  worked_off_.notify_all();
}

} // namespace intarsia::worker

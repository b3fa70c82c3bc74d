// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/worker_connection.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>

#include "core/worker/messages.h"

namespace intarsia {
namespace {

using namespace std::chrono_literals;

constexpr auto write_patience = 10s; // a worker reads at once; one that is stopped by a debugger does not
constexpr std::size_t stderr_tail_bytes = 4096;

std::string last_line(const std::string& text) {
  std::string line, last;
  for (const char c : text + "\n") {
    if (c != '\n') {
      line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      continue;
    }
    if (line.find_first_not_of(' ') != std::string::npos) last = line.substr(0, 200);
    line.clear();
  }
  return last;
}

std::vector<std::string> arguments_of(const WorkerOptions& options) {
  if (options.threads == 0) return {};
  return {"--threads", std::to_string(options.threads)};
}

// What the file descriptor has, but not for ever; false at its end.
template <typename Take>
bool read_available(int fd, const Take& take) {
  char buffer[1 << 16];
  for (int round = 0; round < 64; ++round) {
    const ssize_t size = ::read(fd, buffer, sizeof buffer);
    if (size > 0)
      take(std::string_view(buffer, std::size_t(size)));
    else if (size == 0 || (errno != EINTR && errno != EAGAIN))
      return false;
    else if (errno == EAGAIN)
      return true;
  }
  return true;
}

} // namespace

// A request that waits for its answer, known to the reader while it lives.
class WorkerConnection::Registration {
 public:
  Registration(WorkerConnection& connection, OrderedJson request, Pending& pending)
      : connection_(connection)
      , id_(connection.send(std::move(request), &pending)) {}
  ~Registration() {
    const std::lock_guard lock(connection_.mutex_);
    connection_.pending_.erase(id_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  std::uint64_t id() const { return id_; }

 private:
  WorkerConnection& connection_;
  std::uint64_t id_;
};

WorkerConnection::WorkerConnection(const WorkerOptions& options)
    : options_(options)
    , child_(options.program, arguments_of(options))
    , frames_(max_worker_line_bytes)
    , reader_([this] { read_until_end(); }) {}

WorkerConnection::~WorkerConnection() {
  child_.close_input(); // it ends by itself,
  std::unique_lock lock(mutex_);
  if (!exit_noticed_.wait_for(lock, options_.stop_timeout, [&] { return exited_; })) child_.kill(); // or not
  lock.unlock();
  reader_.join();
}

bool WorkerConnection::alive() {
  if (child_.ended()) return false;
  const std::lock_guard lock(mutex_);
  return !exited_;
}

std::uint64_t WorkerConnection::send(OrderedJson request, Pending* pending) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = next_id_++;
  }
  request["id"] = id;
  const std::string line = request.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  if (line.size() > max_worker_line_bytes)
    throw Error(ErrorKind::usage, "the text is too long to be handed to the worker: use a shorter one");
  if (pending) { // only now: nothing that throws comes behind it and leaves the reader with what is gone
    const std::lock_guard lock(mutex_);
    pending_[id] = pending;
  }
  // The reader learns of its death and says how it ended.
  if (!child_.write(line, write_patience)) child_.kill();
  return id;
}

void WorkerConnection::post(OrderedJson request) noexcept {
  try {
    if (alive()) send(std::move(request), nullptr);
  } catch (...) {
    // Only memory could have run out; the worker frees everything when it ends.
  }
}

WorkerAnswer WorkerConnection::call(OrderedJson request, const JobControl& control,
                                    const WorkerEvents& events) {
  control.throw_if_stopped();
  const std::string verb = request.at("do").get<std::string>();
  Pending pending;
  const Registration registration(*this, std::move(request), pending);
  Deadline deadline;
  for (;;) {
    Frame frame = wait(pending, registration.id(), verb, control, deadline);
    const JsonObject answer(frame.json, "the worker's answer");
    if (answer.has("error")) {
      if (answer.boolean_or("last", false)) wait_for_exit();
      throw error_from(answer.object("error"));
    }
    if (answer.has("result")) return {frame.json["result"], std::move(frame.payload), 0};
    if (answer.has("started")) continue;
    if (answer.has("progress")) {
      const JsonObject progress = answer.object("progress");
      control.report(progress.string("stage"), progress.number_or("done", 0), progress.number_or("total", 0));
    } else if (events) {
      events(answer);
    } else {
      throw Error(ErrorKind::internal, options_.program.string() + ": its answer to \"" + verb +
                                           "\" is none; it is not an intarsia-worker of this version");
    }
  }
}

// Of a worker that has said its last word: the next call must not reach it.
void WorkerConnection::wait_for_exit() {
  std::unique_lock lock(mutex_);
  if (exit_noticed_.wait_for(lock, options_.stop_timeout, [&] { return exited_; })) return;
  child_.kill();
  exit_noticed_.wait(lock, [&] { return exited_; });
}

WorkerConnection::Frame WorkerConnection::wait(Pending& pending, std::uint64_t id, const std::string& verb,
                                               const JobControl& control, Deadline& deadline) {
  const auto something = [&] { return !pending.frames.empty() || exited_; };
  std::unique_lock lock(mutex_);
  if (!deadline) {
    pending.arrived.wait(lock, control.stop, something);
    if (control.stop.stop_requested()) {
      lock.unlock();
      deadline = std::chrono::steady_clock::now() + options_.stop_timeout;
      post({{"do", "cancel"}, {"job", id}});
      lock.lock();
    }
  }
  if (deadline && !pending.arrived.wait_until(lock, *deadline, something)) {
    child_.kill();
    pending.arrived.wait(lock, [&] { return exited_; });
  }
  if (pending.frames.empty()) {
    if (deadline) throw Error(ErrorKind::cancelled, "cancelled");
    const Error error = exit_error(verb);
    if (pending.started) throw error;
    throw RequestNotStarted(error.kind(), error.what());
  }
  Frame frame = std::move(pending.frames.front());
  pending.frames.pop_front();
  pending.started = true;
  return frame;
}

void WorkerConnection::read_until_end() {
  pollfd streams[2] = {{child_.output(), POLLIN, 0}, {child_.errors(), POLLIN, 0}};
  while (output_open_) {
    if (::poll(streams, 2, -1) < 0 && errno != EINTR) break;
    if (streams[1].revents && !read_errors()) streams[1].fd = -1; // poll() passes over it
    if (streams[0].revents) read_output();
  }
  const ChildEnd end = child_.reap(options_.stop_timeout);
  read_errors();
  const std::lock_guard lock(mutex_);
  end_ = end;
  exited_ = true;
  exit_noticed_.notify_all();
  for (const auto& [id, pending] : pending_) pending->arrived.notify_all();
}

bool WorkerConnection::read_errors() {
  return read_available(child_.errors(), [&](std::string_view text) {
    stderr_tail_ += text;
    if (stderr_tail_.size() > stderr_tail_bytes)
      stderr_tail_.erase(0, stderr_tail_.size() - stderr_tail_bytes);
  });
}

void WorkerConnection::read_output() {
  try {
    output_open_ = read_available(child_.output(), [&](std::string_view bytes) {
      frames_.push(bytes);
      take_frames();
    });
  } catch (...) {
    bad_answer_ = current_exception_sentence();
    output_open_ = false;
    child_.kill();
  }
}

void WorkerConnection::take_frames() {
  for (;;) {
    if (header_) {
      const auto size = JsonObject(*header_, "the answer").count("bytes", 0, max_worker_payload_bytes);
      auto payload = frames_.next_bytes(size);
      if (!payload) return;
      deliver({std::move(*header_), std::move(*payload)});
      header_.reset();
    }
    const auto line = frames_.next_line();
    if (!line) return;
    if (line->too_long) throw input_error("the answer is too long");
    Json json = parse_json(line->text, "the answer");
    if (json.is_object() && json.contains("bytes"))
      header_ = std::move(json);
    else
      deliver({std::move(json), {}});
  }
}

void WorkerConnection::deliver(Frame frame) {
  const JsonObject answer(frame.json, "the answer");
  if (!answer.has("id")) return; // to a line it could not read; ours it can
  const std::uint64_t id = answer.count("id", 0, max_request_id);
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return; // nobody waits for it any more
  found->second->frames.push_back(std::move(frame));
  found->second->arrived.notify_all();
}

Error WorkerConnection::exit_error(const std::string& verb) const {
  const std::string words = last_line(stderr_tail_);
  const std::string said = words.empty() ? "" : " (it said: " + words + ")";
  const std::string doing = "the worker process ended during \"" + verb + "\": ";
  if (!bad_answer_.empty())
    return Error(ErrorKind::internal, doing + "it does not speak this program's protocol (" + bad_answer_ +
                                          "); reinstall Intarsia");
  if (end_.signal == SIGKILL)
    return Error(ErrorKind::resource, doing + "it was killed (SIGKILL), most likely because memory ran out" +
                                          said +
                                          "; close other programs or choose a smaller model, and try again");
  if (end_.signal != 0)
    return Error(ErrorKind::internal, doing + "it crashed (SIG" + sigabbrev_np(end_.signal) + ")" + said +
                                          "; try again, or go on with the CPU");
  return Error(ErrorKind::internal, doing + "it left with exit code " + std::to_string(end_.exit_code) +
                                        said + "; try again, or go on with the CPU");
}

} // namespace intarsia

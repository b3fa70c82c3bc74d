// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/scheduler.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace intarsia::server {
namespace {

// Tokens of a prompt that are computed before others get their turn: many at once are cheaper a token, but
// responses that are being written stand still meanwhile.
constexpr std::size_t chunk_alone = 256, chunk_beside_others = 64;

std::exception_ptr closing_error() {
  return std::make_exception_ptr(Error(ErrorKind::resource, "the server is closing"));
}

} // namespace

Scheduler::Scheduler(LanguageModel& model, const Tokenizer& tokenizer, SchedulerOptions options)
    : model_(model)
    , tokenizer_(tokenizer)
    , options_(options) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options.parallel); ++i)
    slots_.push_back(std::make_unique<Slot>(model, tokenizer, options.context));
  thread_ = std::thread([this] { work(); });
}

Scheduler::~Scheduler() {
  close(std::chrono::milliseconds(0));
  thread_.join();
}

std::shared_ptr<Ticket> Scheduler::submit(std::vector<GenerationRequest> choices) {
  auto ticket = std::make_shared<Ticket>(choices.size());
  const std::lock_guard lock(mutex_);
  if (closing_) std::rethrow_exception(closing_error());
  const std::size_t free = slots_.size() - std::min(slots_.size(), counts_.active);
  if (waiting_.size() + choices.size() > options_.queue + free) {
    counts_.rejected += choices.size();
    return nullptr;
  }
  counts_.accepted += choices.size();
  for (std::size_t i = 0; i < choices.size(); ++i) waiting_.push_back({ticket, i, std::move(choices[i])});
  changed_.notify_all();
  return ticket;
}

void Scheduler::close(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, timeout, [&] { return counts_.active == 0 && waiting_.empty(); });
  stop_.request_stop();
}

SchedulerCounts Scheduler::counts() const {
  const std::lock_guard lock(mutex_);
  SchedulerCounts counts = counts_;
  counts.waiting = waiting_.size();
  return counts;
}

std::size_t Scheduler::retry_after_seconds() const {
  const SchedulerCounts now = counts();
  const double each =
      now.finished == 0 ? 1 : (now.first_token_seconds + now.decode_seconds) / double(now.finished);
  return std::size_t(std::clamp(std::ceil(each * double(now.waiting) / double(slots_.size())), 1.0, 60.0));
}

void Scheduler::work() {
  while (wait_for_work()) {
    drop_cancelled();
    admit();
    prefill();
    decode();
  }
  fail_all(closing_error());
}

// Of the exception in flight; one that a stop has caused is no fault of the model's.
std::exception_ptr Scheduler::stop_error() const {
  return stop_.stop_requested() ? closing_error() : std::current_exception();
}

// False when there is an end.
bool Scheduler::wait_for_work() {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [&] { return stop_.stop_requested() || closing_ || counts_.active > 0 || !waiting_.empty(); });
  if (closing_) { // what waits for its turn would not come to it
    for (WaitingChoice& choice : waiting_) {
      Piece piece;
      piece.choice = choice.choice;
      piece.last = true;
      piece.error = closing_error();
      choice.ticket->put(std::move(piece));
      ++counts_.failed;
    }
    waiting_.clear();
    changed_.notify_all();
    if (counts_.active == 0) return false;
  }
  return !stop_.stop_requested();
}

// The slot that has most of the prompt in its cache; else one that was never used; else the least recently
// used.
Slot& Scheduler::best_slot(std::span<const int> prompt) {
  Slot* best = nullptr;
  std::size_t most = 0;
  for (const auto& slot : slots_) {
    if (slot->busy()) continue;
    const std::size_t reusable = slot->reusable_tokens(prompt);
    const bool useful =
        2 * reusable >= prompt.size() || reusable >= 256; // for less another's cache is not given up
    const std::size_t worth = useful ? reusable : 0;
    const bool better =
        !best || worth > most ||
        (worth == most &&
         (best->has_sequence() > slot->has_sequence() ||
          (best->has_sequence() == slot->has_sequence() && slot->last_used() < best->last_used())));
    if (better) {
      best = slot.get();
      most = worth;
    }
  }
  return *best;
}

void Scheduler::admit() {
  for (;;) {
    WaitingChoice choice;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() || counts_.active == slots_.size()) return;
      choice = std::move(waiting_.front());
      waiting_.pop_front();
      ++counts_.active;
    }
    Slot& slot = best_slot(choice.request.prompt);
    slot.begin(std::move(choice), ++admitted_);
    if (!slot.busy()) finish(slot);
  }
}

void Scheduler::drop_cancelled() {
  for (const auto& slot : slots_)
    if (slot->busy() && slot->cancelled()) {
      slot->end(StopReason::stopped);
      finish(*slot);
      const std::lock_guard lock(mutex_);
      ++counts_.cancelled;
      --counts_.finished;
    }
  const std::lock_guard lock(mutex_);
  counts_.cancelled +=
      std::erase_if(waiting_, [](const WaitingChoice& choice) { return choice.ticket->cancelled(); });
}

// What fails in a slot is its request's fault, or at least its end.
template <typename Body>
void Scheduler::guarded(Slot& slot, Body&& body) {
  try {
    body();
  } catch (...) {
    if (slot.busy()) slot.fail(stop_error());
  }
  if (!slot.busy()) finish(slot);
}

// One chunk of one prompt, in turn.
void Scheduler::prefill() {
  std::size_t busy = 0;
  for (const auto& slot : slots_) busy += slot->busy();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = *slots_[(turn_ + i) % slots_.size()];
    if (!slot.busy() || slot.missing_tokens() == 1) continue;
    turn_ = (turn_ + i + 1) % slots_.size();
    guarded(slot, [&] { slot.advance(busy > 1 ? chunk_beside_others : chunk_alone, stop_.get_token()); });
    return;
  }
}

// A token for every response whose prompt is in.
void Scheduler::decode() {
  std::vector<Slot*> ready;
  std::vector<Sequence*> sequences;
  std::vector<int> tokens;
  for (const auto& slot : slots_)
    if (slot->busy() && slot->missing_tokens() == 1) {
      ready.push_back(slot.get());
      sequences.push_back(slot->sequence());
      tokens.push_back(slot->last_token());
    }
  if (ready.empty()) return;
  std::vector<float> logits;
  try {
    logits = model_.step(sequences, tokens, stop_.get_token());
  } catch (...) {
    for (Slot* slot : ready) {
      slot->fail(stop_error());
      finish(*slot);
    }
    return;
  }
  const std::size_t vocabulary = logits.size() / ready.size();
  for (std::size_t i = 0; i < ready.size(); ++i)
    guarded(*ready[i], [&] { ready[i]->sample(std::span(logits).subspan(i * vocabulary, vocabulary)); });
  const std::lock_guard lock(mutex_);
  ++counts_.steps;
  counts_.stepped_tokens += ready.size();
}

void Scheduler::finish(Slot& slot) {
  const Outcome& outcome = slot.outcome();
  const std::lock_guard lock(mutex_);
  --counts_.active;
  ++(outcome.failed ? counts_.failed : counts_.finished);
  counts_.prompt_tokens += outcome.prompt_tokens;
  counts_.reused_tokens += outcome.reused_tokens;
  counts_.generated_tokens += outcome.generated_tokens;
  counts_.first_token_seconds += outcome.first_token_seconds;
  counts_.decode_seconds += outcome.decode_seconds;
  changed_.notify_all();
}

void Scheduler::fail_all(std::exception_ptr error) {
  for (const auto& slot : slots_)
    if (slot->busy()) {
      slot->fail(error);
      finish(*slot);
    }
}

} // namespace intarsia::server

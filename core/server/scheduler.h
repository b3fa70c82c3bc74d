// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Serves several requests from one model. A thread of its own computes: prompts in chunks, then a token at a
// time for all responses together, so that none waits for another's end. First come, first served.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/server/slot.h"

namespace intarsia::server {

struct SchedulerOptions {
  std::size_t context = 4096; // tokens of prompt and response
  std::size_t parallel = 4;   // responses at once; each has a KV cache of its own, made when first needed
  std::size_t queue = 64;     // choices that may wait for their turn
};

// What was done since the start.
struct SchedulerCounts {
  std::uint64_t accepted = 0, rejected = 0, finished = 0, cancelled = 0, failed = 0; // choices
  std::uint64_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  double first_token_seconds = 0, decode_seconds = 0; // sums over what was finished
  std::uint64_t steps = 0, stepped_tokens = 0;        // decode steps, and the tokens that they computed
  std::size_t active = 0, waiting = 0;                // now
};

class Scheduler {
 public:
  // Model and tokenizer must outlive it; the model may be used elsewhere meanwhile (see LanguageModel).
  Scheduler(LanguageModel& model, const Tokenizer& tokenizer, SchedulerOptions options);
  ~Scheduler(); // cancels all

  // A choice a request. nullptr: too many wait already, ask again later. Throws Error{resource} once it is
  // closing.
  std::shared_ptr<Ticket> submit(std::vector<GenerationRequest> choices);
  // Takes nothing more, and what waits fails. What runs may go on for so long; then it fails too.
  void close(std::chrono::milliseconds timeout);

  const SchedulerOptions& options() const { return options_; }
  SchedulerCounts counts() const;
  // A guess at when a slot is free, from what responses took so far; 1 to 60.
  std::size_t retry_after_seconds() const;

 private:
  void work();
  bool wait_for_work();
  void admit();
  void drop_cancelled();
  void prefill();
  void decode();
  void finish(Slot& slot);
  void fail_all(std::exception_ptr error);
  std::exception_ptr present_error() const;
  Slot& best_slot(std::span<const int> prompt);
  template <typename Body>
  void guarded(Slot& slot, Body&& body);

  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  const SchedulerOptions options_;
  std::vector<std::unique_ptr<Slot>> slots_; // the thread's own
  std::size_t turn_ = 0;                     // whose prompt is computed next
  std::uint64_t admitted_ = 0;

  mutable std::mutex mutex_; // of what follows
  std::condition_variable changed_;
  std::deque<WaitingChoice> waiting_;
  SchedulerCounts counts_;
  bool closing_ = false;
  std::stop_source stop_;
  std::thread thread_; // last: it uses all of the above
};

} // namespace intarsia::server

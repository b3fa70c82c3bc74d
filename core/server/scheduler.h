// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Continuous batching: serves several requests from one model. A thread of the scheduler computes prompts in
// chunks, and one token at a time for all responses together. Requests are started in the order of their
// arrival.
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
  std::size_t context = 4096; // tokens of prompt and response together
  std::size_t parallel = 4;   // responses at once; each has a KV cache, allocated when first needed
  std::size_t queue = 64;     // choices that may wait for a slot
};

// Counts since the start, except where noted.
struct SchedulerCounts {
  std::uint64_t accepted = 0, rejected = 0, finished = 0, cancelled = 0, failed = 0; // choices
  std::uint64_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  double first_token_seconds = 0, decode_seconds = 0; // sums over finished choices
  std::uint64_t steps = 0, stepped_tokens = 0;        // decode steps, and the tokens computed by them
  std::size_t active = 0, waiting = 0;                // at present
};

class Scheduler {
 public:
  // Model and tokenizer must outlive it; the model may be used elsewhere at the same time (see
  // LanguageModel).
  Scheduler(LanguageModel& model, const Tokenizer& tokenizer, SchedulerOptions options);
  ~Scheduler(); // close() with timeout 0

  // Queues the choices of one request. Null: the queue is full. Throws Error{resource} once close() was
  // called.
  std::shared_ptr<Ticket> submit(std::vector<GenerationRequest> choices);
  // Accepts no more requests and fails those that wait. Those in progress may continue for `timeout`, then
  // they fail too.
  void close(std::chrono::milliseconds timeout);

  const SchedulerOptions& options() const { return options_; }
  SchedulerCounts counts() const;
  // Estimate of the time until a slot is free, from the mean duration of responses so far; 1 to 60.
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
  std::exception_ptr stop_error() const;
  Slot& best_slot(std::span<const int> prompt);
  template <typename Body>
  void guarded(Slot& slot, Body&& body);

  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  const SchedulerOptions options_;
  std::vector<std::unique_ptr<Slot>> slots_; // used by the scheduler's thread only
  std::size_t turn_ = 0;                     // index of the slot whose prompt is computed next
  std::uint64_t admitted_ = 0;

  mutable std::mutex mutex_; // of the members below
  std::condition_variable changed_;
  std::deque<WaitingChoice> waiting_;
  SchedulerCounts counts_;
  bool closing_ = false;
  std::stop_source stop_;
  std::thread thread_; // last: it uses all of the above
};

} // namespace intarsia::server

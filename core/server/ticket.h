// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A request in the scheduler: a queue of pieces between the thread that computes them and the one that sends
// them to the client.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/runtime/generation.h"

namespace intarsia::server {

// A part of the output of one choice of a request.
struct Piece {
  std::size_t choice = 0;
  std::string text;                  // whole UTF-8 characters
  std::vector<SampledToken> sampled; // tokens whose text ends here, where log-probabilities are requested
  bool last = false;                 // of its choice
  GenerationResult result;           // with `last`
  std::exception_ptr error;          // with `last`, instead of a result
};

class Ticket {
 public:
  explicit Ticket(std::size_t choices)
      : choices_(choices) {}

  // For the receiver. The next piece, or nullopt after `timeout`.
  std::optional<Piece> next(std::chrono::milliseconds timeout);
  bool finished() const; // the last piece of every choice was received
  void cancel() { cancelled_ = true; }
  std::size_t choices() const { return choices_; }

  // For the scheduler.
  bool cancelled() const { return cancelled_; }
  void put(Piece piece);

 private:
  const std::size_t choices_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Piece> pieces_;
  std::size_t last_taken_ = 0; // choices whose last piece was received
  std::atomic<bool> cancelled_ = false;
};

} // namespace intarsia::server

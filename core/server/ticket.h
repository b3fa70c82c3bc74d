// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A request on its way through the scheduler: shared by the thread that waits for its text and the one that
// computes it.
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

// Something that came of one choice of a request.
struct Piece {
  std::size_t choice = 0;
  std::string text;              // whole UTF-8 characters
  std::vector<DrawnToken> drawn; // of the tokens that the text ends, where log-probabilities are asked for
  bool last = false;             // nothing more comes of this choice
  GenerationResult result;       // with `last`
  std::exception_ptr error;      // with `last`, instead of a result
};

class Ticket {
 public:
  explicit Ticket(std::size_t choices)
      : choices_(choices) {}

  // For the one who waits. The next piece, or nullopt when none came in time.
  std::optional<Piece> next(std::chrono::milliseconds timeout);
  bool finished() const; // every choice's last piece was taken
  void cancel() { cancelled_ = true; }
  std::size_t choices() const { return choices_; }

  // For the scheduler.
  bool cancelled() const { return cancelled_; }
  void put(Piece piece);

 private:
  const std::size_t choices_;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Piece> pieces_;
  std::size_t last_taken_ = 0;
  std::atomic<bool> cancelled_ = false;
};

} // namespace intarsia::server

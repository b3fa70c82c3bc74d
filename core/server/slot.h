// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A sequence of the model that serves one choice of a request after another, and keeps what it has computed
// for the next.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/runtime/backend.h"
#include "core/server/ticket.h"

namespace intarsia::server {

// What a choice took that has ended.
struct Outcome {
  std::size_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  double first_token_seconds = 0, decode_seconds = 0;
  bool failed = false;
};

struct WaitingChoice {
  std::shared_ptr<Ticket> ticket;
  std::size_t choice = 0;
  GenerationRequest request;
};

class Slot {
 public:
  // Both must outlive it.
  Slot(LanguageModel& model, const Tokenizer& tokenizer, std::size_t context);

  bool busy() const { return generation_.has_value(); }
  bool has_sequence() const { return sequence_ != nullptr; } // which takes memory
  std::uint64_t last_used() const { return last_used_; }
  // Tokens at the start of the prompt that need not be computed here.
  std::size_t known(std::span<const int> prompt) const;

  // Begins a choice. `now` counts up with each.
  void begin(WaitingChoice choice, std::uint64_t now);
  bool cancelled() const { return ticket_->cancelled(); }
  // Tokens to compute before the next can be drawn: 1 once the prompt is in.
  std::size_t missing() const { return generation_->tokens().size() - cached_.size(); }
  bool full() const { return cached_.size() >= sequence_->capacity(); }

  // Computes up to `most` of the missing tokens, and draws where none is left.
  void advance(std::size_t most, std::stop_token stop);
  // Draws from logits that were computed for sequence() and last_token() elsewhere.
  Sequence* sequence() { return sequence_.get(); }
  int last_token() const { return generation_->tokens().back(); }
  void take(std::span<const float> logits);

  void end(StopReason reason);                        // where it is not over by itself
  void fail(std::exception_ptr error);                // tells of it; what is cached stays
  const Outcome& outcome() const { return outcome_; } // of the last that ended

 private:
  void tell(bool last);
  std::vector<DrawnToken> drawn_to_tell(bool all);

  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  const std::size_t context_;
  std::unique_ptr<Sequence> sequence_;
  std::vector<int> cached_; // tokens in the sequence
  std::shared_ptr<Ticket> ticket_;
  std::size_t choice_ = 0;
  std::string pending_text_;
  // Where each token's text begins, in bytes; how many bytes and tokens were told of.
  std::vector<std::size_t> starts_;
  std::size_t text_size_ = 0, told_bytes_ = 0, told_tokens_ = 0;
  Outcome outcome_;
  std::optional<Generation> generation_;
  std::chrono::steady_clock::time_point begun_, first_token_;
  std::uint64_t last_used_ = 0;
};

} // namespace intarsia::server

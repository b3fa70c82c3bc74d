// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One of the scheduler's parallel sequences. It generates one choice of a request after another and reuses
// the prefix of its KV cache that the next prompt shares.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/runtime/backend.h"
#include "core/server/ticket.h"

namespace intarsia::server {

// Statistics of a choice that has ended.
struct Outcome {
  std::size_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  double first_token_seconds = 0, decode_seconds = 0;
  bool failed = false;
};

// A choice in the queue: choice number `choice` of the ticket's request.
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
  // Tokens at the beginning of the prompt that are in the cache already (core/runtime/generation.h).
  std::size_t reusable_tokens(std::span<const int> prompt) const;

  // Starts a choice. `now`: increases with every choice, for last_used(). A failure is sent to the ticket.
  void begin(WaitingChoice choice, std::uint64_t now);
  bool cancelled() const { return ticket_->cancelled(); }
  // Tokens to compute before the next can be sampled; 1 once the prompt is computed.
  std::size_t missing_tokens() const { return generation_->tokens().size() - cached_.size(); }
  bool full() const { return cached_.size() >= sequence_->capacity(); }

  // Computes up to `max_tokens` of the missing tokens, and samples the next one when none is left.
  void advance(std::size_t max_tokens, std::stop_token stop);
  // For a batched step: sequence() and last_token() are what to compute, sample() continues with its logits.
  Sequence* sequence() { return sequence_.get(); }
  int last_token() const { return generation_->tokens().back(); }
  void sample(std::span<const float> logits);

  void end(StopReason reason);                        // ends the choice early
  void fail(std::exception_ptr error);                // sends the error; the cache stays valid
  const Outcome& outcome() const { return outcome_; } // of the last choice that ended

 private:
  void send(bool last);
  std::vector<SampledToken> unsent_tokens(bool all);

  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  const std::size_t context_;
  std::unique_ptr<Sequence> sequence_;
  std::vector<int> cached_; // tokens in the sequence
  std::shared_ptr<Ticket> ticket_;
  std::size_t choice_ = 0;
  std::string pending_text_;
  // Offset of each token's text in bytes; bytes and tokens that were sent.
  std::vector<std::size_t> starts_;
  std::size_t text_size_ = 0, sent_bytes_ = 0, sent_tokens_ = 0;
  Outcome outcome_;
  std::optional<Generation> generation_;
  std::chrono::steady_clock::time_point begun_, first_token_;
  std::uint64_t last_used_ = 0;
};

} // namespace intarsia::server

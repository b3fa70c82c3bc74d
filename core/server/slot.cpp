// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/slot.h"

#include <algorithm>
#include <utility>

namespace intarsia::server {

using Clock = std::chrono::steady_clock;

namespace {
double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }
} // namespace

Slot::Slot(LanguageModel& model, const Tokenizer& tokenizer, std::size_t context)
    : model_(model)
    , tokenizer_(tokenizer)
    , context_(context) {}

std::size_t Slot::reusable_tokens(std::span<const int> prompt) const {
  return intarsia::reusable_tokens(cached_, prompt);
}

void Slot::begin(WaitingChoice choice, std::uint64_t now) {
  ticket_ = std::move(choice.ticket);
  choice_ = choice.choice;
  last_used_ = now;
  text_size_ = sent_bytes_ = sent_tokens_ = 0;
  starts_.clear();
  pending_text_.clear();
  begun_ = Clock::now();
  try {
    if (!sequence_) sequence_ = model_.new_sequence(context_);
    const std::size_t reused = reusable_tokens(choice.request.prompt);
    generation_.emplace(std::move(choice.request), tokenizer_,
                        [this](std::string_view piece) { pending_text_ += piece; });
    generation_->result().reused_tokens = reused;
    cached_.resize(reused);
    sequence_->truncate(reused);
    if (generation_->ended()) send(true);
  } catch (...) {
    fail(std::current_exception());
  }
}

void Slot::advance(std::size_t max_tokens, std::stop_token stop) {
  const std::size_t count = std::min(max_tokens, missing_tokens());
  const std::vector<int> next(generation_->tokens().begin() + std::ptrdiff_t(cached_.size()),
                              generation_->tokens().begin() + std::ptrdiff_t(cached_.size() + count));
  const bool all = count == missing_tokens();
  const auto logits = sequence_->forward(next, true, std::move(stop));
  if (all) return sample(logits);
  cached_.insert(cached_.end(), next.begin(), next.end());
}

void Slot::sample(std::span<const float> logits) {
  const auto tokens = generation_->tokens();
  cached_.insert(cached_.end(), tokens.begin() + std::ptrdiff_t(cached_.size()), tokens.end());
  generation_->sample(logits);
  const int token = last_token();
  if (starts_.empty()) first_token_ = Clock::now();
  starts_.push_back(text_size_);
  if (!tokenizer_.is_control(token)) text_size_ += tokenizer_.token_bytes(token).size();
  if (!generation_->ended() && full()) generation_->end(StopReason::context_full);
  send(generation_->ended());
}

void Slot::end(StopReason reason) {
  generation_->end(reason);
  send(true);
}

// Those not sent yet of which at least a part of the text was.
std::vector<SampledToken> Slot::unsent_tokens(bool all) {
  std::vector<SampledToken> unsent;
  const auto& sampled = generation_->result().sampled;
  for (; sent_tokens_ < sampled.size() && (all || starts_[sent_tokens_] < sent_bytes_); ++sent_tokens_)
    unsent.push_back(sampled[sent_tokens_]);
  return unsent;
}

void Slot::send(bool last) {
  if (pending_text_.empty() && !last) return;
  GenerationResult& result = generation_->result();
  Piece piece;
  piece.choice = choice_;
  piece.text = std::exchange(pending_text_, {});
  sent_bytes_ += piece.text.size();
  // Stop tokens and stop texts are not part of the text.
  piece.sampled = unsent_tokens(last && result.reason != StopReason::end_of_text);
  piece.last = last;
  if (!last) return ticket_->put(std::move(piece));
  const auto now = Clock::now();
  result.prefill_seconds = seconds((starts_.empty() ? now : first_token_) - begun_);
  result.decode_seconds = starts_.empty() ? 0 : seconds(now - first_token_);
  outcome_ = {result.prompt_tokens,   result.reused_tokens,  result.tokens.size(),
              result.prefill_seconds, result.decode_seconds, false};
  piece.result = std::move(result);
  generation_.reset();
  std::exchange(ticket_, nullptr)->put(std::move(piece));
}

void Slot::fail(std::exception_ptr error) {
  if (sequence_) sequence_->truncate(cached_.size());
  outcome_ = {};
  outcome_.failed = true;
  generation_.reset();
  Piece piece;
  piece.choice = choice_;
  piece.last = true;
  piece.error = std::move(error);
  std::exchange(ticket_, nullptr)->put(std::move(piece));
}

} // namespace intarsia::server

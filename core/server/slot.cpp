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

std::size_t Slot::known(std::span<const int> prompt) const {
  const std::size_t most = std::min(cached_.size(), prompt.size() - 1); // the last one's logits are needed
  std::size_t same = 0;
  while (same < most && cached_[same] == prompt[same]) ++same;
  return same;
}

void Slot::begin(WaitingChoice choice, std::uint64_t now) {
  ticket_ = std::move(choice.ticket);
  choice_ = choice.choice;
  last_used_ = now;
  text_size_ = told_bytes_ = told_tokens_ = 0;
  starts_.clear();
  pending_text_.clear();
  begun_ = Clock::now();
  try {
    if (!sequence_) sequence_ = model_.new_sequence(context_);
    const std::size_t reused = known(choice.request.prompt);
    generation_.emplace(std::move(choice.request), tokenizer_,
                        [this](std::string_view piece) { pending_text_ += piece; });
    generation_->result().reused_tokens = reused;
    cached_.resize(reused);
    sequence_->truncate(reused);
    if (generation_->ended()) tell(true);
  } catch (...) {
    fail(std::current_exception());
  }
}

void Slot::advance(std::size_t most, std::stop_token stop) {
  const std::size_t count = std::min(most, missing());
  const std::vector<int> next(generation_->tokens().begin() + std::ptrdiff_t(cached_.size()),
                              generation_->tokens().begin() + std::ptrdiff_t(cached_.size() + count));
  const bool all = count == missing();
  const auto logits = sequence_->forward(next, true, std::move(stop));
  if (all) return take(logits);
  cached_.insert(cached_.end(), next.begin(), next.end());
}

void Slot::take(std::span<const float> logits) {
  const auto tokens = generation_->tokens();
  cached_.insert(cached_.end(), tokens.begin() + std::ptrdiff_t(cached_.size()), tokens.end());
  generation_->draw(logits);
  const int token = last_token();
  if (starts_.empty()) first_token_ = Clock::now();
  starts_.push_back(text_size_);
  if (!tokenizer_.is_control(token)) text_size_ += tokenizer_.token_bytes(token).size();
  if (!generation_->ended() && full()) generation_->end(StopReason::context_full);
  tell(generation_->ended());
}

void Slot::end(StopReason reason) {
  generation_->end(reason);
  tell(true);
}

// Those that no one was told of yet, where at least a part of their text is.
std::vector<DrawnToken> Slot::drawn_to_tell(bool all) {
  std::vector<DrawnToken> told;
  const auto& drawn = generation_->result().drawn;
  for (; told_tokens_ < drawn.size() && (all || starts_[told_tokens_] < told_bytes_); ++told_tokens_)
    told.push_back(drawn[told_tokens_]);
  return told;
}

void Slot::tell(bool last) {
  if (pending_text_.empty() && !last) return;
  GenerationResult& result = generation_->result();
  Piece piece;
  piece.choice = choice_;
  piece.text = std::exchange(pending_text_, {});
  told_bytes_ += piece.text.size();
  // A stop token and a stop text are no part of the text.
  piece.drawn = drawn_to_tell(last && result.reason != StopReason::end_of_text);
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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/generation.h"

#include <algorithm>

#include "core/base/error.h"

namespace intarsia {

Generation::Generation(GenerationRequest request, const Tokenizer& tokenizer, OnText on_text)
    : request_(std::move(request))
    , tokenizer_(tokenizer)
    , sampler_(request_.sampling, &tokenizer)
    , text_(request_.stop_texts, std::move(on_text))
    , history_(request_.prompt) {
  if (history_.empty()) throw Error(ErrorKind::usage, "the prompt is empty");
  result_.prompt_tokens = history_.size();
  if (request_.max_tokens == 0) end(StopReason::token_limit);
}

void Generation::sample(std::span<const float> logits) {
  const int token = sampler_.sample(logits, history_, result_.prompt_tokens);
  if (request_.log_probabilities)
    result_.sampled.push_back(log_probabilities(logits, token, *request_.log_probabilities));
  append(token);
}

void Generation::append(int token) {
  result_.tokens.push_back(token);
  history_.push_back(token);
  if (request_.on_token) request_.on_token(token);
  if (is_stop(token)) return end(StopReason::end_of_text);
  text_.push(characters_.push(tokenizer_.is_control(token) ? "" : tokenizer_.token_bytes(token)));
  if (text_.found())
    end(StopReason::end_of_text);
  else if (result_.tokens.size() >= request_.max_tokens)
    end(StopReason::token_limit);
}

bool Generation::is_stop(int token) const {
  return std::find(request_.stop_tokens.begin(), request_.stop_tokens.end(), token) !=
         request_.stop_tokens.end();
}

void Generation::end(StopReason reason) {
  if (ended_) return;
  text_.push(characters_.finish());
  if (!text_.found()) text_.finish();
  ended_ = true;
  result_.reason = text_.found() ? StopReason::end_of_text : reason;
  result_.stop_text = text_.marker();
  result_.text = text_.text();
}

std::size_t reusable_tokens(std::span<const int> cached, std::span<const int> prompt) {
  const std::size_t max_reused = prompt.empty() ? 0 : std::min(cached.size(), prompt.size() - 1);
  std::size_t same = 0;
  while (same < max_reused && cached[same] == prompt[same]) ++same;
  return same;
}

} // namespace intarsia

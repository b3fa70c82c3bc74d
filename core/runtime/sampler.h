// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/random.h"

namespace intarsia {

class Tokenizer;

// "Don't repeat yourself" (p-e-w, oobabooga/text-generation-webui pull request 5677): a token that would
// extend a repetition of `allowed_length` tokens or more loses multiplier x base^(length - allowed_length).
struct DrySettings {
  double multiplier = 0; // 0: off
  double base = 1.75;
  std::size_t allowed_length = 2;
  // Repetitions neither begin before nor go on behind a token whose text holds one of these.
  std::vector<std::string> breakers{"\n", ":", "\"", "*"};
  bool operator==(const DrySettings&) const = default;
};

// Applied to the logits in this order: logit_bias, the penalties, DRY, temperature, top_k, top_p, min_p,
// typical_p. Each of the last four sees the probabilities of what the ones before have left, as in Hugging
// Face transformers.
struct SamplingSettings {
  double temperature = 0.7;        // 0: always the most likely token
  double top_p = 0.95;             // (0, 1]
  std::size_t top_k = 0;           // 0: all
  double repetition_penalty = 1.0; // CTRL (Keskar et al. 2019), 4.1: of tokens in the prompt or the response
  std::uint64_t seed = 0;
  double min_p = 0;     // [0, 1]: leaves out what is less likely than this part of the likeliest
  double typical_p = 1; // (0, 1]: locally typical sampling (Meister et al. 2022)
  // Of tokens generated so far, as OpenAI's API has them: once, and for every time; [-2, 2] there.
  double presence_penalty = 0, frequency_penalty = 0;
  DrySettings dry = {};
  std::map<int, double> logit_bias = {}; // by token id; added to its logit
  bool operator==(const SamplingSettings&) const = default;

  // Whether only temperature, top_p, top_k, repetition_penalty and seed are used: what a device may draw by
  // itself (DrawingSequence).
  bool is_basic() const;
};

// The natural logarithm of a token's probability: of the model's own distribution, before all settings.
struct TokenProbability {
  int token = -1;
  double log_probability = 0;
  bool operator==(const TokenProbability&) const = default;
};

// A token that was drawn, and the likeliest in its place, best first.
struct DrawnToken {
  TokenProbability drawn;
  std::vector<TokenProbability> top;
  bool operator==(const DrawnToken&) const = default;
};

DrawnToken log_probabilities(std::span<const float> logits, int token, std::size_t top);

// Bytes that logits and their candidates take while a token is drawn.
std::uint64_t sampling_bytes(std::size_t vocabulary);

// Of a damaged model, whose NaN has no order to sort by, and whose probabilities sum to nothing.
[[noreturn]] void refuse_damaged_logits();

// Draws tokens from logits. The same settings and logits give the same tokens on every machine.
class Sampler {
 public:
  // Throws Error{usage} naming a setting out of range. `tokenizer` knows what DRY's breakers are; without one
  // there are none.
  explicit Sampler(const SamplingSettings& settings, const Tokenizer* tokenizer = nullptr);
  // `history`: prompt and response so far, of which the first `prompt_tokens` are the prompt.
  int sample(std::span<const float> logits, std::span<const int> history, std::size_t prompt_tokens = 0);

  const SamplingSettings& settings() const { return settings_; }
  // For who draws elsewhere: the number in [0, 1) that sample() would choose the next token by. At
  // temperature 0 there is none, and 0 is returned.
  double next_draw();

 private:
  int draw(std::span<const double> logits);

  SamplingSettings settings_;
  Random random_;
  std::vector<bool> breaks_; // by token id: DRY's breakers; empty: none
};

} // namespace intarsia

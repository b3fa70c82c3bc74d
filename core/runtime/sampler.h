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

// DRY, "don't repeat yourself" (p-e-w, oobabooga/text-generation-webui pull request 5677): the logit of a
// token that would extend a repetition of `length` >= allowed_length tokens is lowered by multiplier x
// base^(length - allowed_length).
struct DrySettings {
  double multiplier = 0; // 0: off
  double base = 1.75;
  std::size_t allowed_length = 2;
  // A repetition does not extend across a token whose text contains one of these.
  std::vector<std::string> breakers{"\n", ":", "\"", "*"};
  bool operator==(const DrySettings&) const = default;
};

// Applied to the logits in this order: logit_bias, the penalties, DRY, temperature, top_k, top_p, min_p,
// typical_p. Each of the last four works on the renormalised probabilities of the tokens that the ones before
// have left, as in Hugging Face transformers.
struct SamplingSettings {
  double temperature = 0.7;        // 0: always the most likely token
  double top_p = 0.95;             // (0, 1]
  std::size_t top_k = 0;           // 0: all
  double repetition_penalty = 1.0; // CTRL (Keskar et al. 2019), 4.1: of tokens in the prompt or the response
  std::uint64_t seed = 0;
  double min_p = 0;     // [0, 1]: excludes tokens less likely than min_p times the likeliest
  double typical_p = 1; // (0, 1]: locally typical sampling (Meister et al. 2022)
  // As in OpenAI's API, on the tokens generated so far: subtracted once, and for every occurrence; [-2, 2]
  // there.
  double presence_penalty = 0, frequency_penalty = 0;
  DrySettings dry = {};
  std::map<int, double> logit_bias = {}; // by token id; added to its logit
  bool operator==(const SamplingSettings&) const = default;

  // Whether only temperature, top_p, top_k, repetition_penalty and seed are used, which a device can sample
  // by itself (SamplingSequence).
  bool is_basic() const;
};

// The natural logarithm of a token's probability in the model's own distribution, before any sampling
// setting.
struct TokenProbability {
  int token = -1;
  double log_probability = 0;
  bool operator==(const TokenProbability&) const = default;
};

// A token that was sampled, and the likeliest tokens at its position in descending order.
struct SampledToken {
  TokenProbability sampled;
  std::vector<TokenProbability> top;
  bool operator==(const SampledToken&) const = default;
};

// logits: [vocabulary]; `top`: number of likeliest tokens.
SampledToken log_probabilities(std::span<const float> logits, int token, std::size_t top);

// Bytes of memory that sampling one token takes: logits and candidates.
std::uint64_t sampling_bytes(std::size_t vocabulary);

// Throws Error{input}: logits that are not finite cannot be sampled, and mean that the model's file is
// damaged.
[[noreturn]] void refuse_damaged_logits();

// Samples tokens from logits. The same settings and logits give the same tokens on every machine.
class Sampler {
 public:
  // Throws Error{usage} naming a setting out of range. `tokenizer`: to find the tokens that contain DRY's
  // breakers; null: none do.
  explicit Sampler(const SamplingSettings& settings, const Tokenizer* tokenizer = nullptr);
  // logits: [vocabulary]. `history`: prompt and response so far, of which the first `prompt_tokens` are the
  // prompt. Throws Error{input} where a logit is not finite.
  int sample(std::span<const float> logits, std::span<const int> history, std::size_t prompt_tokens = 0);

  const SamplingSettings& settings() const { return settings_; }
  // For a device that samples by itself: the random number in [0, 1) that sample() would use for the next
  // token. At temperature 0 none is used, and 0 is returned.
  double next_uniform();

 private:
  int choose(std::span<const double> logits); // temperature > 0

  SamplingSettings settings_;
  Random random_;
  std::vector<bool> breaks_; // by token id: whether it contains one of DRY's breakers; empty: none does
};

} // namespace intarsia

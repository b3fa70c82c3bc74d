// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "core/base/random.h"

namespace intarsia {

struct SamplingSettings {
  double temperature = 0.7; // 0: always the most likely token
  double top_p = 0.95;      // (0, 1]
  std::size_t top_k = 0;    // 0: all
  double repetition_penalty = 1.0;
  std::uint64_t seed = 0;
};

// Bytes that logits and their candidates take while a token is drawn.
std::uint64_t sampling_bytes(std::size_t vocabulary);

// Of a damaged model, whose NaN has no order to sort by, and whose probabilities sum to nothing.
[[noreturn]] void refuse_damaged_logits();

// Draws tokens from logits. The same settings and logits give the same tokens on every machine.
class Sampler {
 public:
  explicit Sampler(const SamplingSettings& settings); // throws Error{usage} naming a setting out of range
  int sample(std::span<const float> logits, std::span<const int> history);

  const SamplingSettings& settings() const { return settings_; }
  // For who draws elsewhere: the number in [0, 1) that sample() would choose the next token by. At
  // temperature 0 there is none, and 0 is returned.
  double next_draw();

 private:
  SamplingSettings settings_;
  Random random_;
};

} // namespace intarsia

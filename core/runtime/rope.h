// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

// Rotary position embedding, Hugging Face's half-split convention: dimension i turns with i + head_dim / 2.
class Rope {
 public:
  explicit Rope(const ModelConfig& config);
  // Turns every head of one token in place; heads.size() is a multiple of head_dim.
  void apply(std::span<float> heads, std::size_t position) const;
  void apply_inverse(std::span<float> heads, std::size_t position) const; // turns them back
  const std::vector<float>& frequencies() const { return frequencies_; }

 private:
  void turn(std::span<float> heads, std::size_t position, float direction) const;

  std::size_t head_dim_;
  std::vector<float> frequencies_; // radians a position, head_dim / 2
};

} // namespace intarsia

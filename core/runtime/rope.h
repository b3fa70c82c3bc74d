// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

// Rotary position embedding (arXiv 2104.09864), Hugging Face's half-split convention: of the n dimensions of
// a head that are rotated, dimension i turns with i + n / 2; those behind stay as they are.
class Rope {
 public:
  // `context`: the tokens that a sequence can hold. Dynamic and LongRoPE scaling choose their frequencies by
  // it, once, so that all keys of a sequence are turned alike.
  explicit Rope(const ModelConfig& config, std::size_t context = 1);
  // The second embedding, of windowed attention (RopeUse::local).
  static Rope local(const ModelConfig& config);

  // Turns every head of one token in place; heads.size() is a multiple of head_dim.
  void apply(std::span<float> heads, std::size_t position) const;
  // By the transposed matrix: what a gradient by the turned heads is by those before.
  void apply_transposed(std::span<float> heads, std::size_t position) const;
  const std::vector<float>& frequencies() const { return frequencies_; }

 private:
  Rope(std::size_t head_dim, std::vector<float> frequencies);
  void turn(std::span<float> heads, std::size_t position, float direction) const;

  std::size_t head_dim_;
  std::vector<float> frequencies_; // radians a position, one for every pair of dimensions
  float magnitude_ = 1;
};

} // namespace intarsia

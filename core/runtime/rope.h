// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

// Rotary position embedding (arXiv 2104.09864) in Hugging Face's half-split convention: of the first n
// dimensions of a head, dimensions i and i + n / 2 are rotated together by position * frequency[i]; those
// from n on are unchanged.
class Rope {
 public:
  // `context`: the capacity of the sequence in tokens. Dynamic and LongRoPE scaling choose their frequencies
  // by it, once, so that all keys of a sequence are rotated consistently.
  explicit Rope(const ModelConfig& config, std::size_t context = 1);
  // The embedding of layers with sliding-window attention, where they have one of their own (RopeUse::local).
  static Rope local(const ModelConfig& config);

  // Rotates every head of one token in place; `heads`: [heads, head_dim].
  void apply(std::span<float> heads, std::size_t position) const;
  // The backward pass: rotates by the transposed matrix, from the gradient by the rotated heads to that by
  // the heads.
  void apply_transposed(std::span<float> heads, std::size_t position) const;
  const std::vector<float>& frequencies() const { return frequencies_; }

 private:
  Rope(std::size_t head_dim, std::vector<float> frequencies);
  void rotate(std::span<float> heads, std::size_t position, float direction) const;

  std::size_t head_dim_;
  std::vector<float> frequencies_; // radians per position, one for every pair of dimensions
  float magnitude_ = 1;            // factor of the rotated dimensions (YaRN, LongRoPE)
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How attention is split over the context, for launches and for who plans memory. Plain C++.
#pragma once

#include <cstddef>

namespace intarsia::cuda {

struct Heads {
  int heads, kv_heads, head_dim;
};

// Positions a block attends to: enough blocks for a device at a context of a few thousand.
inline constexpr int attention_chunk = 128;

// Floats that launch_attention needs as scratch for so many tokens.
constexpr std::size_t attention_scratch(const Heads& heads, std::size_t capacity, std::size_t tokens) {
  const std::size_t chunks = (capacity + attention_chunk - 1) / attention_chunk;
  return tokens * std::size_t(heads.heads) * chunks * std::size_t(heads.head_dim + 2);
}

} // namespace intarsia::cuda

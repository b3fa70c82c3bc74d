// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How attention is split over the context, shared by the launch code and the memory plan. Plain C++.
#pragma once

#include <cstddef>

namespace intarsia::cuda {

struct Heads {
  int heads, kv_heads, head_dim;
};

// Positions per thread block: at a context of a few thousand tokens this gives enough blocks to occupy a GPU.
inline constexpr int attention_chunk = 128;

// Floats of scratch memory that launch_attention() needs for `tokens` queries over up to `capacity`
// positions: for each head and chunk a partial output, its maximum and its sum.
constexpr std::size_t attention_scratch(const Heads& heads, std::size_t capacity, std::size_t tokens) {
  const std::size_t chunks = (capacity + attention_chunk - 1) / attention_chunk;
  return tokens * std::size_t(heads.heads) * chunks * std::size_t(heads.head_dim + 2);
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows and output of a matrix product, for all kernels of this folder.
#pragma once

#include <cstddef>
#include <span>

namespace intarsia::cpu_kernels {

// Rows first … first + count - 1 of W, which one task computes.
struct Rows {
  std::size_t first, count;
};

// y: [tokens, d_out] with `stride` = d_out elements between tokens. `terms`: int8 inputs per token
// (Int8Activation).
struct Output {
  std::span<float> y;
  std::size_t stride, tokens, terms;
  float& at(std::size_t token, std::size_t row) const { return y[token * stride + row]; }
};

} // namespace intarsia::cpu_kernels

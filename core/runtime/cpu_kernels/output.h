// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the products of all kinds of linears have in common.
#pragma once

#include <cstddef>
#include <span>

namespace intarsia::cpu_kernels {

struct Rows { // of the matrix
  std::size_t first, count;
};

// y[token * stride + row], [tokens, d_out]. `terms`: int8 inputs a token (LinearInput).
struct Output {
  std::span<float> y;
  std::size_t stride, tokens, terms;
  float& at(std::size_t token, std::size_t row) const { return y[token * stride + row]; }
};

} // namespace intarsia::cpu_kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products with a dense matrix W of shape [rows, columns], and with its transpose for backward passes.
#pragma once

#include <span>

#include "core/base/progress.h"
#include "core/runtime/weight_source.h"

namespace intarsia {

// Computed on a model's device; W, x and y are in this process's memory. Throws Error{cancelled} on the
// control's stop.
class DenseProducts {
 public:
  virtual ~DenseProducts() = default;
  // y = x W^T; x: [tokens, columns], y: [tokens, rows].
  virtual void multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens,
                        std::span<float> y, const JobControl& control) const = 0;
  // x = y W; y: [tokens, rows], x: [tokens, columns].
  virtual void multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                                   std::span<float> x, const JobControl& control) const = 0;
};

const DenseProducts& cpu_products();

// W in f32, any rotation undone.
DenseLinear to_dense(LinearWeights weights);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The second moment of a layer's input, H = E[x x^T], factored for rounding with feedback.
#pragma once

#include <cstddef>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia {

// Tokens; 0: so many that it does not matter.
struct SampleSizes {
  std::size_t moments = 0;     // that the moments are of
  std::size_t calibration = 0; // that a quantization will be calibrated on
};

// H~ + damping * mean(diag H~) * I = U U^T with U upper triangular, H~ = E[x~ x~^T] the moment of the rotated
// input. Errors e = w~ - Q(w~) of a row of weights cost e H~ e^T = |e U|^2 in the layer's output.
class HessianFactor {
 public:
  // `moment`: symmetric row-major [dimension, dimension] in the original domain; overwritten. Throws
  // Error{input} when it is not finite. Where damping is too little to factor it, ten times as much is tried.
  HessianFactor(std::vector<float> moment, const Rotation& rotation);

  std::size_t dimension() const { return dimension_; }
  // The loss of rounding with feedback in blocks of so many columns, over that without, for a quantizer whose
  // errors are white: sum_k |U_kk|^2 / |U|^2 over the diagonal blocks (QuIP, arXiv 2307.13304, theorem 1).
  // |U_kk|^2 is what is left of a column when p others explain it. Of few tokens T they explain (T - p) / T
  // too much, and what is rounded by moments of T tokens loses T / (T - p) more on others: both are made up
  // for.
  double feedback_factor(std::size_t block_columns, SampleSizes sizes = {}) const;
  // Column j of U from row 0 to row j, contiguous; `dimension` floats from column to column.
  const float* column(std::size_t j) const { return columns_.data() + j * dimension_; }

 private:
  bool factor(std::vector<float>& moment, double damping);

  std::size_t dimension_;
  std::vector<float> columns_;
};

} // namespace intarsia

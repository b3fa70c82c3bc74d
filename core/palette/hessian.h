// SPDX-License-Identifier: GPL-3.0-or-later
// The second moment of a layer's input, H = E[x x^T], factored for rounding with feedback.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia {

// H~ + damping * mean(diag H~) * I = U U^T with U upper triangular, H~ = E[x~ x~^T] the moment of the rotated
// input. Errors e = w~ - Q(w~) of a row of weights cost e H~ e^T = |e U|^2 in the layer's output.
class HessianFactor {
 public:
  // `moment`: symmetric row-major [dimension, dimension] in the original domain; overwritten. Throws
  // Error{input} when it is not finite. Where damping is too little to factor it, ten times as much is tried.
  //
  // `drift`, where given: E[(y - x) x^T], y being what the original model has for the input x of the
  // quantized one, in the same sum as the moment. Then W x is no longer the aim but W y, which weights W + W
  // D H^-1 come nearest to (GPTAQ, arXiv 2504.02692): see shift().
  HessianFactor(std::vector<float> moment, const Rotation& rotation, std::vector<float> drift = {});

  std::size_t dimension() const { return dimension_; }
  // The loss of rounding with feedback in blocks of so many columns, over that without, for a quantizer whose
  // errors are white: sum_k |U_kk|^2 / |U|^2 over the diagonal blocks (QuIP, arXiv 2307.13304, theorem 1).
  double feedback_factor(std::size_t block_columns) const;
  bool shifts() const { return !correction_.empty(); }
  // Rotated weights [rows, dimension] become those that give the original's outputs from the quantized
  // model's inputs. Nothing changes without a drift.
  void shift(std::span<float> rows) const;
  // Column j of U from row 0 to row j, contiguous; `dimension` floats from column to column.
  const float* column(std::size_t j) const { return columns_.data() + j * dimension_; }

 private:
  bool factor(std::vector<float>& moment, double damping);
  void correct_for(std::vector<float> drift, const Rotation& rotation);

  std::size_t dimension_;
  std::vector<float> columns_;
  std::vector<float> correction_; // (D H^-1)^T, row-major; empty without a drift
};

} // namespace intarsia

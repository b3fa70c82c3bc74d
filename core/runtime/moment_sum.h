// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Second moments of activations over tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace intarsia {

// The sum over t of x_t x_t^T, in f32. On all cores; the result does not depend on their number.
class MomentSum {
 public:
  explicit MomentSum(std::size_t dimension);

  void add(std::span<const float> x); // [tokens, dimension]
  // The sum, row-major [dimension, dimension]. Moves it out: to be called once.
  std::vector<float> finish();

  static std::uint64_t bytes(std::size_t dimension);

 private:
  void flush();
  void add_rows(std::size_t first, std::vector<float>& product);

  std::size_t dimension_, count_ = 0;
  std::vector<float> sum_;     // the lower triangle only, until finish()
  std::vector<float> pending_; // [dimension, tokens at once]: tokens that are not summed yet
};

} // namespace intarsia

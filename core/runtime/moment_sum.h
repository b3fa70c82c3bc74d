// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sums of outer products over many tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace intarsia {

// sum_t a_t b_t^T of vectors of equal dimension; of a_t = b_t half the work. On all cores; the result
// does not depend on their number.
class MomentSum {
 public:
  MomentSum(std::size_t dimension, bool symmetric);

  // a, b: [tokens, dimension]; the same rows where symmetric.
  void add(std::span<const float> a, std::span<const float> b);
  // Row-major [dimension, dimension]; given away, so call it once.
  std::vector<float> finish();

  static std::uint64_t bytes(std::size_t dimension, bool symmetric);

 private:
  void flush();
  void add_rows(std::size_t first, std::vector<float>& product);

  std::size_t dimension_, count_ = 0;
  bool symmetric_; // the lower triangle only, until finish()
  std::vector<float> sum_;
  std::vector<float> left_,
      right_; // [dimension, tokens at once]: rows not yet summed; right_ unused if symmetric
};

} // namespace intarsia

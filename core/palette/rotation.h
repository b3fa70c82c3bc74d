// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The incoherence transform of a layer's input: x~ = H (s * x), W~ = (W diag(s)) H^T (Q-Palette, section 3;
// QuIP#). H is orthonormal: H_K (x) H_(2^n) where an order fits d_in, else block-diagonal over the largest
// divisor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace intarsia {

class Rotation {
 public:
  // Random signs from `seed`, the same on every machine.
  Rotation(std::size_t dimension, std::uint64_t seed);
  // Signs given: bit i of byte i/8 set means s_i = -1. signs.size() = (dimension + 7) / 8.
  Rotation(std::size_t dimension, std::span<const std::uint8_t> signs);

  std::size_t dimension() const { return dimension_; }
  const std::vector<std::uint8_t>& signs() const { return signs_; }
  // "28 x 512", or "3 blocks of 20 x 16" for the fallback; shown to people.
  std::string description() const;
  bool is_full() const { return blocks_ == 1; } // one transform over the whole dimension
  // dimension = blocks x order x power: H is `blocks` times hadamard(order) (x) Sylvester's of `power`.
  std::size_t blocks() const { return blocks_; }
  std::size_t order() const { return order_; }
  std::size_t power() const { return power_; }

  void apply(std::span<float> x) const;         // x~ = H (s * x), in place; x.size() = dimension
  void apply_inverse(std::span<float> x) const; // x = s * (H^T x~), in place
  // The same for every row of a row-major matrix with dimension() columns, on all cores.
  void apply_rows(std::span<float> rows) const;
  void apply_inverse_rows(std::span<float> rows) const;

 private:
  std::size_t dimension_;
  std::size_t blocks_; // transforms side by side; 1 unless no order fits
  std::size_t order_;  // K of each transform
  std::size_t power_;  // 2^n of each transform
  std::vector<std::uint8_t> signs_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/rotation.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/hadamard.h"
#include "core/palette/rotation_kernel.h"

namespace intarsia {
namespace {

struct Factors {
  std::size_t blocks, order, power;
};

// dimension = K 2^n with the largest 2^n for which K has a matrix; {0, 0, 0} when there is none.
Factors full_transform(std::size_t dimension) {
  for (std::size_t power = std::size_t(1) << std::countr_zero(dimension);; power /= 2) {
    if (has_hadamard(dimension / power)) return {1, dimension / power, power};
    if (power == 1) return {0, 0, 0};
  }
}

Factors factorise(std::size_t dimension) {
  for (std::size_t blocks = 1; blocks < dimension; ++blocks) {
    if (dimension % blocks != 0) continue;
    const Factors factors = full_transform(dimension / blocks);
    if (factors.blocks) return {blocks, factors.order, factors.power};
  }
  return {dimension, 1, 1};
}

std::vector<std::uint8_t> random_signs(std::size_t dimension, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint8_t> signs((dimension + 7) / 8);
  for (std::size_t i = 0; i < dimension; ++i)
    if (random.next() >> 63) signs[i / 8] = std::uint8_t(signs[i / 8] | (1u << (i % 8)));
  return signs;
}

// x <- H_K x across `order` rows of `power` values; transposed for the inverse.
void turn(std::span<float> x, std::size_t order, std::size_t power, bool transposed) {
  thread_local std::vector<float> from;
  from.assign(x.begin(), x.end());
  const SignMatrix& signs = transposed ? hadamard_transposed(order) : hadamard(order);
  dense_hadamard(from, signs, order, power, x);
}

constexpr std::size_t rows_per_task = 8;

} // namespace

Rotation::Rotation(std::size_t dimension, std::uint64_t seed)
    : Rotation(dimension, std::span<const std::uint8_t>(random_signs(dimension, seed))) {}

Rotation::Rotation(std::size_t dimension, std::span<const std::uint8_t> signs)
    : dimension_(dimension)
    , signs_(signs.begin(), signs.end()) {
  if (dimension == 0 || signs_.size() != (dimension + 7) / 8)
    throw input_error("a rotation of " + std::to_string(dimension) + " inputs has " +
                      std::to_string(signs_.size()) + " bytes of signs");
  const Factors factors = factorise(dimension);
  blocks_ = factors.blocks;
  order_ = factors.order;
  power_ = factors.power;
}

std::string Rotation::description() const {
  const std::string one = order_ == 1   ? std::to_string(power_)
                          : power_ == 1 ? std::to_string(order_)
                                        : std::to_string(order_) + " x " + std::to_string(power_);
  return blocks_ == 1 ? one : std::to_string(blocks_) + " blocks of " + one;
}

void Rotation::apply(std::span<float> x) const {
  for (std::size_t i = 0; i < dimension_; ++i)
    if (signs_[i / 8] >> (i % 8) & 1) x[i] = -x[i];
  const std::size_t size = order_ * power_;
  for (std::size_t block = 0; block < blocks_; ++block) {
    const auto part = x.subspan(block * size, size);
    for (std::size_t k = 0; k < order_ && power_ > 1; ++k) fast_hadamard(part.subspan(k * power_, power_));
    if (order_ > 1) turn(part, order_, power_, false);
  }
}

void Rotation::apply_inverse(std::span<float> x) const {
  const std::size_t size = order_ * power_;
  for (std::size_t block = 0; block < blocks_; ++block) {
    const auto part = x.subspan(block * size, size);
    if (order_ > 1) turn(part, order_, power_, true);
    for (std::size_t k = 0; k < order_ && power_ > 1; ++k) fast_hadamard(part.subspan(k * power_, power_));
  }
  for (std::size_t i = 0; i < dimension_; ++i)
    if (signs_[i / 8] >> (i % 8) & 1) x[i] = -x[i];
}

void Rotation::apply_rows(std::span<float> rows) const {
  parallel_ranges(rows.size() / dimension_, rows_per_task, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) apply(rows.subspan(row * dimension_, dimension_));
  });
}

void Rotation::apply_inverse_rows(std::span<float> rows) const {
  parallel_ranges(rows.size() / dimension_, rows_per_task, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) apply_inverse(rows.subspan(row * dimension_, dimension_));
  });
}

} // namespace intarsia

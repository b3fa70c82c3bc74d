// SPDX-License-Identifier: GPL-3.0-or-later
// One linear on the CPU: y = W x + b for a batch of tokens.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "core/runtime/weight_source.h"

namespace intarsia {

// Dense weights rounded to binary16.
struct HalfLinear {
  MatrixShape shape;
  std::vector<std::uint16_t> weights;
};

HalfLinear to_half(const DenseLinear& dense);

class CpuLinear {
 public:
  CpuLinear() = default;
  CpuLinear(LinearWeights weights, std::vector<float> bias, bool half_precision);

  // Null when the layer reads its input as it is.
  const Rotation* rotation() const;
  MatrixShape shape() const;
  std::uint64_t bytes() const;

  // x: [tokens, d_in], rotated already where rotation() says so; y: [tokens, d_out].
  void apply(std::span<const float> x, std::size_t tokens, std::span<float> y) const;
  void replace(LinearWeights weights, bool half_precision);
  // One row of W in f32 (an embedding's row), any rotation undone.
  void row(std::size_t index, std::span<float> out) const;

 private:
  std::variant<DenseLinear, HalfLinear, QuantizedLinear> weights_;
  std::vector<float> bias_; // empty: none
};

} // namespace intarsia

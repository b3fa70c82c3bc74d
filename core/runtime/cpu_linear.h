// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Linear layers on the CPU: y = W x + b for a batch of tokens. Quantized weights are decoded and multiplied
// in one pass, without a decoded copy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/runtime/byte_linear.h"
#include "core/runtime/linear_input.h"
#include "core/runtime/weight_source.h"

namespace intarsia {

// Dense weights rounded to IEEE binary16, row-major.
struct HalfLinear {
  MatrixShape shape;
  std::vector<std::uint16_t> weights;
};

HalfLinear to_half(const DenseLinear& dense);

class CpuLinear {
 public:
  CpuLinear() = default;
  // `bias`: d_out values or empty. `half_precision`: dense weights are stored in f16.
  CpuLinear(LinearWeights weights, std::vector<float> bias, bool half_precision);
  // Weights that stay in a mapped checkpoint file, in the file's type.
  CpuLinear(StoredLinear weights, std::vector<float> bias);
  CpuLinear(ByteLinear weights, std::vector<float> bias);

  MatrixShape shape() const;
  std::uint64_t bytes() const; // of memory; pages of a mapped file included

  void replace(LinearWeights weights, bool half_precision);
  // Row `index` of W in f32 with any rotation undone, as for an embedding; out: d_in values.
  void row(std::size_t index, std::span<float> out) const;

  // Layers that read the same input: those that share its rotation are computed in one parallel pass.
  // y: [tokens, d_out].
  struct Product {
    const CpuLinear* layer;
    std::span<float> y;
  };
  static void multiply(std::span<const Product> products, LinearInput& input);
  void apply(LinearInput& input, std::span<float> y) const;

 private:
  using Weights = std::variant<DenseLinear, HalfLinear, QuantizedLinear, StoredLinear, ByteLinear>;
  struct Work;
  static constexpr std::size_t max_group = 8;                       // layers of one pass
  static std::size_t group_size(std::span<const Product> products); // leading ones that share a rotation
  static void multiply_group(std::span<const Product> products, LinearInput& input);
  static Weights stored(LinearWeights weights, bool half_precision);
  const Rotation* rotation() const; // of the input; null: none
  Work prepare(LinearInput& input) const;
  void multiply_rows(const Work& work, std::size_t first, std::size_t count, std::span<float> y) const;

  Weights weights_;
  std::vector<float> bias_; // empty: none
};

} // namespace intarsia

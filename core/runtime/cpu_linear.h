// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Linears on the CPU: y = W x + b for a batch of tokens. Codes are multiplied as they are decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/runtime/linear_input.h"
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
  // Of a checkpoint's file, as it is stored there.
  CpuLinear(StoredLinear weights, std::vector<float> bias);

  MatrixShape shape() const;
  std::uint64_t bytes() const; // of memory; a mapped file's pages count too

  void replace(LinearWeights weights, bool half_precision);
  // One row of W in f32 (an embedding's row), any rotation undone.
  void row(std::size_t index, std::span<float> out) const;

  // Some linears that read the same input, in one pass over all cores where they share its rotation.
  // y: [tokens, d_out].
  struct Product {
    const CpuLinear* layer;
    std::span<float> y;
  };
  static void multiply(std::span<const Product> products, LinearInput& input);
  void apply(LinearInput& input, std::span<float> y) const;

 private:
  struct Work;
  static constexpr std::size_t most_together = 8;
  static std::size_t alike(std::span<const Product> products);
  static void multiply_alike(std::span<const Product> products, LinearInput& input);
  Work prepare(LinearInput& input) const;
  void multiply_rows(const Work& work, std::size_t first, std::size_t count, std::span<float> y) const;

  std::variant<DenseLinear, HalfLinear, QuantizedLinear, StoredLinear> weights_;
  std::vector<float> bias_; // empty: none
};

} // namespace intarsia

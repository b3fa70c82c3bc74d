// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Embeddings and heads in 8 bits. An artifact has them in f16 unless its plan quantizes them; a small model's
// head is then half of what a step reads, and its embedding half of the model. On the CPU they are rotated
// and rounded to 8 bits as they are read, about 42 dB below the weights: far less than the blocks' linears
// lose.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/checkpoint/stored_rows.h"
#include "core/palette/quantized_linear.h"

namespace intarsia {

struct ByteLinear {
  static constexpr int offset = 128;

  MatrixShape shape;
  // [rows, row_bytes()]: round(rotated weight / scale) + offset, from 1 to 255; columns beyond the shape's
  // are `offset`.
  std::vector<std::uint8_t> weights;
  std::vector<float> scales; // [rows]: largest magnitude / 127
  std::shared_ptr<const Rotation> rotation;

  std::size_t row_bytes() const { return row_bytes(shape); }
  static std::size_t row_bytes(MatrixShape shape) { return (shape.columns + 63) / 64 * 64; }
  static std::uint64_t bytes(MatrixShape shape); // of weights and scales
  // Row `index` in f32, not rotated; out: shape.columns values.
  void row(std::size_t index, std::span<float> out) const;
};

// `name`: the layer's, which the rotation's signs are drawn from. Pages of a mapped file are given back as
// they are read. Values that are not finite make their whole row NaN.
ByteLinear to_bytes(const StoredRows& rows, MatrixShape shape, std::string_view name);

} // namespace intarsia

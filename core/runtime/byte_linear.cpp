// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/byte_linear.h"

#include <algorithm>
#include <cmath>

#include "core/base/mapped_file.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/cpu_kernels/dense_product.h"
#include "core/runtime/cpu_kernels/quantize_activation.h"

namespace intarsia {
namespace {

constexpr std::size_t rows_a_piece = 4096; // of which the file's pages are given back together

void round_row(std::span<const float> rotated, std::span<std::uint8_t> to, float& scale) {
  thread_local std::vector<std::int8_t> values;
  thread_local std::vector<std::int32_t> sums;
  values.resize(to.size());
  sums.resize(to.size() / 64 + 1);
  scale = cpu_kernels::largest_magnitude(rotated) / 127;
  if (!std::isfinite(scale)) {
    scale = NAN;
    std::fill(to.begin(), to.end(), std::uint8_t(ByteLinear::offset));
    return;
  }
  cpu_kernels::quantize_activation(rotated, scale, values.data(), sums.data());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::uint8_t(values[i] + ByteLinear::offset);
}

} // namespace

std::uint64_t ByteLinear::bytes(MatrixShape shape) {
  return std::uint64_t(shape.rows) * (row_bytes(shape) + sizeof(float));
}

void ByteLinear::row(std::size_t index, std::span<float> out) const {
  const std::uint8_t* from = weights.data() + index * row_bytes();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = scales[index] * float(int(from[i]) - offset);
  rotation->apply_inverse(out);
}

ByteLinear to_bytes(const StoredRows& rows, MatrixShape shape, std::string_view name) {
  ByteLinear linear{shape, {}, {}, std::make_shared<const Rotation>(shape.columns, seed_for(1, name))};
  const std::size_t row_bytes = linear.row_bytes(), stored = rows.bytes.size() / shape.rows;
  linear.weights.resize(shape.rows * row_bytes);
  linear.scales.resize(shape.rows);
  for (std::size_t piece = 0; piece < shape.rows; piece += rows_a_piece) {
    const std::size_t count = std::min(rows_a_piece, shape.rows - piece);
    parallel_ranges(count, 64, [&](std::size_t begin, std::size_t end) {
      std::vector<float> values(shape.columns);
      for (std::size_t row = piece + begin; row < piece + end; ++row) {
        cpu_kernels::decode_dense(rows, shape, row, values);
        linear.rotation->apply(values);
        round_row(values, std::span(linear.weights).subspan(row * row_bytes, row_bytes), linear.scales[row]);
      }
    });
    if (rows.owner) give_back_pages(rows.bytes.subspan(piece * stored, count * stored));
  }
  return linear;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/dense_product.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/half.h"
#include "core/tensor/decode_blocks.h"
#include "core/tensor/kernels.h"

namespace intarsia::cpu_kernels {
namespace {

constexpr std::size_t columns_together = 2048; // a multiple of every block
constexpr std::size_t few_rows = 4, many_rows = 32, tokens_together = 64;

std::vector<float>& buffer(std::size_t size) {
  thread_local std::vector<float> floats;
  if (floats.size() < size) floats.resize(size);
  return floats;
}

// y += or = rows times x over some columns; rows of `stride` floats.
void add_product(const float* weights, std::size_t stride, Rows rows, std::size_t columns, const float* x,
                 std::size_t x_stride, bool first, const Output& out) {
  float sums[tokens_together * many_rows];
  for (std::size_t token = 0; token < out.tokens; token += tokens_together) {
    const std::size_t tokens = std::min(tokens_together, out.tokens - token);
    kernels::multiply_rows({weights, stride, rows.count}, {x + token * x_stride, x_stride, tokens}, columns,
                           sums, rows.count);
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t row = 0; row < rows.count; ++row) {
        float& y = out.at(token + t, rows.first + row);
        y = (first ? 0 : y) + sums[t * rows.count + row];
      }
  }
}

// Halves of an artifact, or of a file where they lie aligned.
bool is_plain_half(const StoredRows& weights) {
  return weights.dtype == DType::f16 && weights.permuted_heads == 0 &&
         reinterpret_cast<std::uintptr_t>(weights.bytes.data()) % alignof(std::uint16_t) == 0;
}

} // namespace

void multiply_dense(const StoredRows& weights, MatrixShape shape, Rows rows, std::span<const float> x,
                    const Output& out) {
  if (out.tokens == 1 && is_plain_half(weights)) {
    const auto* halves = reinterpret_cast<const std::uint16_t*>(weights.bytes.data());
    kernels::multiply_half_rows({halves + rows.first * shape.columns, shape.columns, rows.count}, x.data(),
                                shape.columns, &out.at(0, rows.first));
    return;
  }
  const std::size_t together = out.tokens == 1 ? few_rows : many_rows;
  const std::size_t row_bytes = storage_bytes(weights.dtype, shape.columns).value();
  for (std::size_t first = rows.first; first < rows.first + rows.count; first += together) {
    const Rows part{first, std::min(together, rows.first + rows.count - first)};
    for (std::size_t column = 0; column < shape.columns; column += columns_together) {
      const std::size_t columns = std::min(columns_together, shape.columns - column);
      const void* data = weights.bytes.data();
      if (weights.dtype == DType::f32 && weights.permuted_heads == 0 &&
          reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0) { // no copy
        const auto* values = static_cast<const float*>(data);
        add_product(values + first * shape.columns + column, shape.columns, part, columns, x.data() + column,
                    shape.columns, column == 0, out);
        continue;
      }
      std::vector<float>& decoded = buffer(together * std::min(columns_together, shape.columns));
      const std::size_t begin = storage_bytes(weights.dtype, column).value();
      for (std::size_t i = 0; i < part.count; ++i)
        decode_blocks(weights.dtype,
                      weights.bytes.data() + weights.stored_index(first + i, shape.rows) * row_bytes + begin,
                      {decoded.data() + i * columns, columns});
      add_product(decoded.data(), columns, part, columns, x.data() + column, shape.columns, column == 0, out);
    }
  }
}

void multiply_decoded(const QuantizedLinear& layer, Rows rows, std::span<const float> x, const Output& out) {
  const std::size_t columns = layer.shape.columns;
  std::vector<float>& decoded = buffer(rows.count * columns);
  decode_rows(layer, rows.first, rows.count, {decoded.data(), rows.count * columns});
  for (std::size_t row = 0; row < rows.count; row += many_rows) {
    const Rows part{rows.first + row, std::min(many_rows, rows.count - row)};
    add_product(decoded.data() + row * columns, columns, part, columns, x.data(), columns, true, out);
  }
}

void decode_dense(const StoredRows& weights, MatrixShape shape, std::size_t row, std::span<float> out) {
  const std::size_t row_bytes = storage_bytes(weights.dtype, shape.columns).value();
  decode_blocks(weights.dtype, weights.bytes.data() + weights.stored_index(row, shape.rows) * row_bytes, out);
}

std::size_t dense_scratch_bytes(std::size_t widest) {
  return many_rows * std::min(columns_together, widest) * sizeof(float);
}

} // namespace intarsia::cpu_kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/dense_products.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

// A tile of W and the tokens it meets stay in the L2 cache.
constexpr std::size_t tile_rows = 32, tile_tokens = 64, tile_depth = 1024;
// From one turned row to the next: no power of two, or they would fight for the same lines of the cache.
constexpr std::size_t turned_stride = tile_depth + 16;

// W[row …][column …], `rows` x `columns`, transposed into `to`.
void transpose_tile(const DenseLinear& w, std::size_t row, std::size_t rows, std::size_t column,
                    std::size_t columns, float* to) {
  for (std::size_t i = 0; i < rows; ++i) {
    const float* from = w.weights.data() + (row + i) * w.shape.columns + column;
    for (std::size_t j = 0; j < columns; ++j) to[j * turned_stride + i] = from[j];
  }
}

class CpuProducts : public DenseProducts {
 public:
  void multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens, std::span<float> y,
                const JobControl& control) const override;
  void multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                           std::span<float> x, const JobControl& control) const override;
};

void CpuProducts::multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens,
                           std::span<float> y, const JobControl& control) const {
  const auto [rows, columns] = w.shape;
  parallel_ranges(rows, tile_rows, [&, rows = rows, columns = columns](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; row += tile_rows) {
      control.throw_if_stopped();
      for (std::size_t t = 0; t < tokens; t += tile_tokens)
        kernels::multiply_rows({w.weights.data() + row * columns, columns, std::min(tile_rows, end - row)},
                               {x.data() + t * columns, columns, std::min(tile_tokens, tokens - t)}, columns,
                               y.data() + t * rows + row, rows);
    }
  });
}

void CpuProducts::multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                                      std::span<float> x, const JobControl& control) const {
  const std::size_t rows = w.shape.rows, columns = w.shape.columns;
  std::fill_n(x.begin(), tokens * columns, 0.f);
  const std::size_t tiles = (columns + tile_rows - 1) / tile_rows;
  parallel_for(tiles, [&](std::size_t tile) {
    const std::size_t column = tile * tile_rows, wide = std::min(tile_rows, columns - column);
    std::vector<float> turned(tile_rows * turned_stride), part(tile_tokens * tile_rows);
    for (std::size_t row = 0; row < rows; row += tile_depth) {
      control.throw_if_stopped();
      const std::size_t deep = std::min(tile_depth, rows - row);
      transpose_tile(w, row, deep, column, wide, turned.data());
      for (std::size_t t = 0; t < tokens; t += tile_tokens) {
        const std::size_t count = std::min(tile_tokens, tokens - t);
        kernels::multiply_rows({turned.data(), turned_stride, wide}, {y.data() + t * rows + row, rows, count},
                               deep, part.data(), tile_rows);
        for (std::size_t i = 0; i < count; ++i)
          for (std::size_t j = 0; j < wide; ++j) x[(t + i) * columns + column + j] += part[i * tile_rows + j];
      }
    }
  });
}

} // namespace

const DenseProducts& cpu_products() {
  static const CpuProducts products;
  return products;
}

DenseLinear to_dense(LinearWeights weights) {
  if (auto* dense = std::get_if<DenseLinear>(&weights)) return std::move(*dense);
  const auto& quantized = std::get<QuantizedLinear>(weights);
  return {quantized.shape, dequantize_linear(quantized)};
}

} // namespace intarsia

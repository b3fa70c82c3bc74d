// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/backend/products.h"

#include <algorithm>

#include "cuda/memory/check.cuh"
#include "cuda/memory/device_memory.cuh"

namespace intarsia::cuda {
namespace {

constexpr std::size_t max_values = (std::size_t(64) << 20) / sizeof(float); // of each of the three matrices

// A part of W's rows and of the tokens that fits.
struct Tile {
  explicit Tile(const DenseLinear& w, std::size_t all_tokens)
      : rows(std::clamp<std::size_t>(max_values / w.shape.columns, 1, w.shape.rows))
      , tokens(std::clamp<std::size_t>(max_values / std::max(w.shape.columns, rows), 1, all_tokens))
      , w_values(rows * w.shape.columns, "weights")
      , wide(tokens * w.shape.columns, "a linear's inputs")
      , tall(tokens * rows, "a linear's outputs") {}

  std::size_t rows, tokens;
  DeviceMemory<float> w_values, wide, tall; // [rows, columns], [tokens, columns], [tokens, rows]
};

// Rows of `width` values; strides in values.
void copy_rows(float* to, std::size_t to_stride, const float* from, std::size_t from_stride,
               std::size_t width, std::size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  check(cudaMemcpy2DAsync(to, to_stride * sizeof(float), from, from_stride * sizeof(float),
                          width * sizeof(float), count, kind, stream),
        "copying activations");
}

struct Range {
  std::size_t first, count;
};

// Calls body(part) for parts of [0, all).
template <typename Body>
void in_parts(std::size_t all, std::size_t part, const JobControl& control, const Body& body) {
  for (std::size_t first = 0; first < all; first += part) {
    control.throw_if_stopped();
    body(Range{first, std::min(part, all - first)});
  }
}

void load_rows(const DenseLinear& w, Range rows, const Tile& tile, cudaStream_t stream) {
  const std::size_t columns = w.shape.columns;
  copy_rows(tile.w_values.get(), columns, w.weights.data() + rows.first * columns, columns, columns,
            rows.count, cudaMemcpyHostToDevice, stream);
}

} // namespace

// Calls body(tile, tokens, rows) for every part of the tokens and, within it, of W's rows in their order,
// which are on the device by then.
template <typename Body>
void CudaProducts::in_tiles(const DenseLinear& w, std::size_t tokens, const JobControl& control,
                            const Body& body) const {
  if (tokens == 0) return;
  check(cudaSetDevice(device_), "selecting a device");
  const Tile tile(w, tokens);
  in_parts(tokens, tile.tokens, control, [&](Range tokens_here) {
    in_parts(w.shape.rows, tile.rows, control, [&](Range rows_here) {
      load_rows(w, rows_here, tile, stream_);
      body(tile, tokens_here, rows_here);
      stream_.wait();
    });
  });
}

void CudaProducts::multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens,
                            std::span<float> y, const JobControl& control) const {
  const std::size_t rows = w.shape.rows, columns = w.shape.columns;
  in_tiles(w, tokens, control, [&](const Tile& tile, Range tokens_here, Range rows_here) {
    if (rows_here.first == 0)
      copy_rows(tile.wide.get(), columns, x.data() + tokens_here.first * columns, columns, columns,
                tokens_here.count, cudaMemcpyHostToDevice, stream_);
    gemm_.multiply_dense(tile.w_values.get(), int(rows_here.count), int(columns), tile.wide.get(),
                         int(tokens_here.count), tile.tall.get(), stream_);
    copy_rows(y.data() + tokens_here.first * rows + rows_here.first, rows, tile.tall.get(), rows_here.count,
              rows_here.count, tokens_here.count, cudaMemcpyDeviceToHost, stream_);
  });
}

void CudaProducts::multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                                       std::span<float> x, const JobControl& control) const {
  const std::size_t rows = w.shape.rows, columns = w.shape.columns;
  in_tiles(w, tokens, control, [&](const Tile& tile, Range tokens_here, Range rows_here) {
    copy_rows(tile.tall.get(), rows_here.count, y.data() + tokens_here.first * rows + rows_here.first, rows,
              rows_here.count, tokens_here.count, cudaMemcpyHostToDevice, stream_);
    gemm_.add_dense_transposed(tile.w_values.get(), int(rows_here.count), int(columns), tile.tall.get(),
                               int(tokens_here.count), tile.wide.get(), rows_here.first > 0, stream_);
    if (rows_here.first + rows_here.count == rows)
      copy_rows(x.data() + tokens_here.first * columns, columns, tile.wide.get(), columns, columns,
                tokens_here.count, cudaMemcpyDeviceToHost, stream_);
  });
}

} // namespace intarsia::cuda

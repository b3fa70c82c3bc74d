// SPDX-License-Identifier: GPL-3.0-or-later
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

// Calls body(first, count) for parts of [0, all).
template <typename Body>
void in_parts(std::size_t all, std::size_t part, const JobControl& control, const Body& body) {
  for (std::size_t first = 0; first < all; first += part) {
    control.throw_if_stopped();
    body(first, std::min(part, all - first));
  }
}

void load_rows(const DenseLinear& w, std::size_t first, std::size_t count, const Tile& tile,
               cudaStream_t stream) {
  const std::size_t columns = w.shape.columns;
  copy_rows(tile.w_values.get(), columns, w.weights.data() + first * columns, columns, columns, count,
            cudaMemcpyHostToDevice, stream);
}

} // namespace

void CudaProducts::multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens,
                            std::span<float> y, const JobControl& control) const {
  if (tokens == 0) return;
  check(cudaSetDevice(device_), "selecting a device");
  const std::size_t rows = w.shape.rows, columns = w.shape.columns;
  const Tile tile(w, tokens);
  in_parts(tokens, tile.tokens, control, [&](std::size_t token, std::size_t count) {
    copy_rows(tile.wide.get(), columns, x.data() + token * columns, columns, columns, count,
              cudaMemcpyHostToDevice, stream_);
    in_parts(rows, tile.rows, control, [&](std::size_t row, std::size_t tall) {
      load_rows(w, row, tall, tile, stream_);
      gemm_.multiply_dense(tile.w_values.get(), int(tall), int(columns), tile.wide.get(), int(count),
                           tile.tall.get(), stream_);
      copy_rows(y.data() + token * rows + row, rows, tile.tall.get(), tall, tall, count,
                cudaMemcpyDeviceToHost, stream_);
      stream_.wait();
    });
  });
}

void CudaProducts::multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                                       std::span<float> x, const JobControl& control) const {
  if (tokens == 0) return;
  check(cudaSetDevice(device_), "selecting a device");
  const std::size_t rows = w.shape.rows, columns = w.shape.columns;
  const Tile tile(w, tokens);
  in_parts(tokens, tile.tokens, control, [&](std::size_t token, std::size_t count) {
    in_parts(rows, tile.rows, control, [&](std::size_t row, std::size_t tall) {
      load_rows(w, row, tall, tile, stream_);
      copy_rows(tile.tall.get(), tall, y.data() + token * rows + row, rows, tall, count,
                cudaMemcpyHostToDevice, stream_);
      gemm_.add_dense_transposed(tile.w_values.get(), int(tall), int(columns), tile.tall.get(), int(count),
                                 tile.wide.get(), row > 0, stream_);
      stream_.wait();
    });
    copy_rows(x.data() + token * columns, columns, tile.wide.get(), columns, columns, count,
              cudaMemcpyDeviceToHost, stream_);
    stream_.wait();
  });
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Linears on the device: y = W~ x~ for a few rows of activations straight from the codes (decode), and W~ as
// an f16 matrix for cuBLAS (prefill). Pointers are the device's but where said; each call throws
// std::runtime_error with CUDA's words when it cannot be launched.
//
// An upload is: device_codes(layer) to `codes`, layer.row_scales to `row_scales`, and once for each quantizer
// quantizer(id).codebook() to `codebook`, where there is one.
#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>
#include <memory>
#include <span>

#include "cuda/launch/kernel_launches.h"
#include "cuda/launch/linear_layout.h"

namespace intarsia::cuda {

// input: rotated activations (f16: as they are). outputs[i] is group[i]'s. 1 <= batch <= max_decode_rows,
// and supports() says yes.
void launch_linear_group(std::span<const DeviceLinear> group, const LinearInput& input, int batch,
                         std::span<const LinearOutput> outputs, KernelPath path, const LinearScratch& scratch,
                         cudaStream_t stream);

// Rows of d_in in binary16 to bytes, as a trellis reads them.
void launch_quantize_rows(const Half* x, int rows, int d_in, const Int8Rows& to, cudaStream_t stream);

// Rows [first, first + count) of W~, scales applied, to binary16 row-major `out`, rows `stride` elements
// apart (at least d_in; what lies between is not written). For f16, W itself.
void launch_decode_rows(const DeviceLinear& linear, int first, int count, Half* out, std::size_t stride,
                        cudaStream_t stream);

// cuBLAS, loaded when the first one is made: a machine without it can decode, and is told plainly why prefill
// is slow there.
class Gemm {
 public:
  // Throws std::runtime_error when cuBLAS is not there or does not start. `workspace` (may be null) is what
  // cuBLAS works in, so that it allocates nothing; it outlives the Gemm.
  Gemm(void* workspace, std::size_t workspace_bytes);
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  // y[token][row] = sum_k x[token][k] w[row][k], summed in f32. Rows of x, w and y are `*_stride` apart.
  void multiply(const Half* w, std::size_t w_stride, int rows, const Half* x, std::size_t x_stride,
                int tokens, int d_in, float* y, std::size_t y_stride, cudaStream_t stream) const;

  // In f32, all matrices dense: w [rows, columns], x [tokens, columns], y [tokens, rows]. y = x w^T;
  void multiply_dense(const float* w, int rows, int columns, const float* x, int tokens, float* y,
                      cudaStream_t stream) const;
  // and x = y w, or x += y w.
  void add_dense_transposed(const float* w, int rows, int columns, const float* y, int tokens, float* x,
                            bool add, cudaStream_t stream) const;

 private:
  struct Library;
  void begin(cudaStream_t stream) const;

  std::unique_ptr<Library> library_;
};

} // namespace intarsia::cuda

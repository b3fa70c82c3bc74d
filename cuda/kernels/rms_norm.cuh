// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// out = gain * x / sqrt(mean x^2 + epsilon), a block a row.
#pragma once

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/reduce.cuh"

namespace intarsia::kernels {

// 1 / sqrt(mean x^2 + epsilon) of one row.
INTARSIA_DEVICE float inverse_rms(const float* x, int width, float epsilon, float* scratch) {
  float sum = 0;
  for (int i = int(simt::thread_index().x); i < width; i += int(simt::block_dim().x))
    sum = simt::fused_multiply_add(x[i], x[i], sum);
  return simt::fast_rsqrt(block_reduce(sum, Sum(), scratch) / float(width) + epsilon);
}

// grid.x: rows; shared memory: reduce_scratch floats.
template <typename Out>
INTARSIA_KERNEL void rms_norm(const float* x, const float* gain, float epsilon, int width, Out* out) {
  const std::size_t row = std::size_t(simt::block_index().x) * std::size_t(width);
  const float scale = inverse_rms(x + row, width, epsilon, simt::shared_memory<float>());
  for (int i = int(simt::thread_index().x); i < width; i += int(simt::block_dim().x))
    store(out + row + i, x[row + std::size_t(i)] * scale * gain[i]);
}

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The kernels of cuda/kernels/ as calls on a stream. Pointers are the device's; shapes are free; each call
// throws std::runtime_error with CUDA's words when it cannot be launched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>

#include "core/memory/cuda/attention_scratch.h"

namespace intarsia::cuda {

using Half = std::uint16_t; // binary16

// --- around the linears

// Rows of f32 `stride` elements apart.
struct Rows {
  const float* data;
  std::size_t stride;
  int count, width;
};

template <typename Table> // float or Half
void launch_gather_rows(const Table* table, std::size_t table_rows, const int* tokens, int count, int width,
                        float* out, cudaStream_t stream);
void launch_add_residual(const float* x, std::size_t count, float* residual, cudaStream_t stream);
// y, rows `stride` apart, += bias.
void launch_add_bias(const float* bias, int rows, int width, float* y, std::size_t stride,
                     cudaStream_t stream);
// x_i <- -x_i where bit i is set, in dense rows: what is left of an inverse rotation after H^T.
void launch_flip_signs(const std::uint8_t* signs, int rows, int width, float* x, cudaStream_t stream);
// `up` has gate's stride.
template <typename Out>
void launch_swiglu(const Rows& gate, const float* up, Out* out, cudaStream_t stream);
// Dense rows.
template <typename Out>
void launch_rms_norm(const float* x, int rows, int width, const float* gain, float epsilon, Out* out,
                     cudaStream_t stream);

// --- rotation, with what comes before it

struct DeviceRotation {
  int blocks, order, power;
  const std::uint8_t* signs;     // a bit an input
  const std::uint32_t* hadamard; // core's hadamard_signs() of `order`; null for order 1
};
template <typename Out>
void launch_rotate(const Rows& x, const DeviceRotation& rotation, Out* out, cudaStream_t stream);
template <typename Out>
void launch_rotate_normed(const Rows& x, const float* gain, float epsilon, const DeviceRotation& rotation,
                          Out* out, cudaStream_t stream);
template <typename Out>
void launch_rotate_gated(const Rows& gate, const float* up, const DeviceRotation& rotation, Out* out,
                         cudaStream_t stream);

// --- attention

// The cache of one block of the model: [capacity][kv_heads x head_dim] each.
struct DeviceCache {
  Half *keys, *values;
  int capacity;
};
void launch_rope_and_store(float* q, const float* k, const float* v, std::size_t stride, int tokens,
                           const float* frequencies, const int* positions, const Heads& heads,
                           const DeviceCache& cache, cudaStream_t stream);

// Positions are smaller than `visible`, at most the cache's capacity: what lies behind takes neither blocks
// nor scratch. scratch: attention_scratch(heads, visible, tokens) floats.
template <typename Out>
void launch_attention(const float* q, std::size_t stride, int tokens, const int* positions,
                      const Heads& heads, const DeviceCache& cache, int visible, float scale, float* scratch,
                      Out* out, cudaStream_t stream);

// --- sampling

// A token of -1 says that a logit was not finite.
void launch_argmax(const float* logits, int rows, int count, int* tokens, cudaStream_t stream);
struct SampleSettings {
  float temperature; // > 0
  double top_p;
  int top_k; // 0: all
};
// uniforms: for each row a number in [0, 1).
void launch_sample(const float* logits, int rows, int count, const SampleSettings& settings,
                   const double* uniforms, int* tokens, cudaStream_t stream);
// A repetition penalty on one row's logits of `listed` different tokens.
void launch_penalise(float* logits, const int* tokens, int listed, float penalty, cudaStream_t stream);

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/kernel_launches.h"

#include <algorithm>
#include <cmath>

#include "cuda/kernels/attention.cuh"
#include "cuda/kernels/elementwise.cuh"
#include "cuda/kernels/rms_norm.cuh"
#include "cuda/kernels/rope.cuh"
#include "cuda/kernels/rotation.cuh"
#include "cuda/kernels/sampling.cuh"
#include "cuda/launch/start.cuh"

namespace intarsia::cuda {
namespace {

using namespace intarsia::kernels;

int whole_warps(int threads, int most) {
  return std::clamp((threads + simt::warp_size - 1) / simt::warp_size * simt::warp_size, simt::warp_size,
                    most);
}

constexpr int elementwise_threads = 256;
dim3 elementwise_grid(std::size_t count) {
  return dim3(unsigned(std::min<std::size_t>((count + elementwise_threads - 1) / elementwise_threads, 4096)));
}

template <typename Input, typename Out>
void rotate(const char* name, const Input& input, int rows, const DeviceRotation& rotation, Out* out,
            cudaStream_t stream) {
  const RotationShape shape{rotation.blocks, rotation.order, rotation.power};
  const float scale = float(1 / std::sqrt(double(shape.order) * double(shape.power)));
  start(name, &rotate_rows<Input, Out>, dim3(unsigned(shape.blocks * shape.order), unsigned(rows)),
        whole_warps(shape.power, 512), rotation_shared_bytes(shape.power), stream, input, rotation.signs,
        rotation.hadamard, shape, scale, out);
}

constexpr int attention_threads = 128, combine_threads = 512;

AttentionShape attention_shape(const Heads& heads, int visible) {
  return {{heads.heads, heads.kv_heads, heads.head_dim},
          attention_chunk,
          (visible + attention_chunk - 1) / attention_chunk};
}

} // namespace

template <typename Table>
void launch_gather_rows(const Table* table, std::size_t table_rows, const int* tokens, int count, int width,
                        float* out, cudaStream_t stream) {
  const std::size_t elements = std::size_t(count) * std::size_t(width);
  start("gathering embeddings", &gather_rows<Table>, elementwise_grid(elements), elementwise_threads, 0,
        stream, table, table_rows, tokens, width, elements, out);
}

void launch_add_residual(const float* x, std::size_t count, float* residual, cudaStream_t stream) {
  start("adding to the residual", &add_residual, elementwise_grid(count), elementwise_threads, 0, stream, x,
        count, residual);
}

void launch_add_bias(const float* bias, int rows, int width, float* y, std::size_t stride,
                     cudaStream_t stream) {
  const std::size_t count = std::size_t(rows) * std::size_t(width);
  start("adding a bias", &add_bias, elementwise_grid(count), elementwise_threads, 0, stream, bias, width,
        count, y, stride);
}

void launch_flip_signs(const std::uint8_t* signs, int rows, int width, float* x, cudaStream_t stream) {
  const std::size_t count = std::size_t(rows) * std::size_t(width);
  start("undoing a rotation's signs", &flip_signs, elementwise_grid(count), elementwise_threads, 0, stream,
        signs, width, count, x);
}

template <typename Out>
void launch_swiglu(const Rows& gate, const float* up, Out* out, cudaStream_t stream) {
  const std::size_t count = std::size_t(gate.count) * std::size_t(gate.width);
  start("computing SwiGLU", &swiglu<Out>, elementwise_grid(count), elementwise_threads, 0, stream, gate.data,
        up, gate.stride, gate.width, count, out);
}

template <typename Out>
void launch_rms_norm(const float* x, int rows, int width, const float* gain, float epsilon, Out* out,
                     cudaStream_t stream) {
  start("normalising", &rms_norm<Out>, dim3(unsigned(rows)), whole_warps(width, 1024),
        sizeof(float) * reduce_scratch, stream, x, gain, epsilon, width, out);
}

template <typename Out>
void launch_rotate(const Rows& x, const DeviceRotation& rotation, Out* out, cudaStream_t stream) {
  rotate("rotating", PlainInput{x.data, x.stride}, x.count, rotation, out, stream);
}
template <typename Out>
void launch_rotate_normed(const Rows& x, const float* gain, float epsilon, const DeviceRotation& rotation,
                          Out* out, cudaStream_t stream) {
  rotate("normalising and rotating", NormedInput{x.data, x.stride, gain, epsilon}, x.count, rotation, out,
         stream);
}
template <typename Out>
void launch_rotate_gated(const Rows& gate, const float* up, const DeviceRotation& rotation, Out* out,
                         cudaStream_t stream) {
  rotate("computing SwiGLU and rotating", GatedInput{gate.data, up, gate.stride}, gate.count, rotation, out,
         stream);
}

void launch_rope_and_store(float* q, const float* k, const float* v, std::size_t stride, int tokens,
                           const float* frequencies, const int* positions, const Heads& heads,
                           const DeviceCache& cache, cudaStream_t stream) {
  const int pairs = (heads.heads + heads.kv_heads) * heads.head_dim / 2;
  const dim3 grid(unsigned((pairs + elementwise_threads - 1) / elementwise_threads), unsigned(tokens));
  start("applying the position embedding", &rope_and_store, grid, elementwise_threads, 0, stream, q, k, v,
        stride, frequencies, positions, HeadShape{heads.heads, heads.kv_heads, heads.head_dim},
        cache.capacity, cache.keys, cache.values);
}

template <typename Out>
void launch_attention(const float* q, std::size_t stride, int tokens, const int* positions,
                      const Heads& heads, const DeviceCache& cache, int visible, float scale, float* scratch,
                      Out* out, cudaStream_t stream) {
  const AttentionShape shape = attention_shape(heads, visible);
  const int columns = attention_columns(heads.head_dim);
  if (columns > max_attention_threads || heads.head_dim > 1024)
    throw std::runtime_error("heads of " + std::to_string(heads.head_dim) +
                             " dimensions are too large for the kernel attending");
  const int threads = std::max(attention_threads, whole_warps(columns, max_attention_threads));
  auto* statistics = reinterpret_cast<simt::float2*>(scratch); // first: they want 8-byte alignment
  float* partial = scratch + 2 * std::size_t(tokens) * std::size_t(heads.heads) * std::size_t(shape.chunks);
  start("attending", &attend_chunk, dim3(unsigned(heads.kv_heads), unsigned(shape.chunks), unsigned(tokens)),
        threads, attention_shared_bytes(shape, threads), stream, q, stride, cache.keys, cache.values,
        positions, shape, scale, partial, statistics);
  const int combining = std::max(combine_threads, whole_warps(heads.head_dim, 1024));
  start("combining attention", &combine_chunks<Out>, dim3(unsigned(heads.heads), unsigned(tokens)), combining,
        combine_shared_bytes(combining), stream, partial, statistics, positions, shape, out);
}

void launch_argmax(const float* logits, int rows, int count, int* tokens, cudaStream_t stream) {
  start("choosing the likeliest token", &argmax_rows, dim3(unsigned(rows)), 1024, argmax_shared_bytes(),
        stream, logits, count, tokens);
}

void launch_sample(const float* logits, int rows, int count, const SampleSettings& settings,
                   const double* uniforms, int* tokens, cudaStream_t stream) {
  start("sampling a token", &sample_rows, dim3(unsigned(rows)), 1024, sampling_shared_bytes(), stream, logits,
        count, Sampling{settings.temperature, settings.top_p, settings.top_k}, uniforms, tokens);
}

void launch_penalise(float* logits, const int* tokens, int listed, float penalty, cudaStream_t stream) {
  start("penalising repetitions", &penalise_tokens, elementwise_grid(std::size_t(listed)),
        elementwise_threads, 0, stream, logits, tokens, listed, penalty);
}

#include "cuda/launch/kernel_instances.inc"

} // namespace intarsia::cuda

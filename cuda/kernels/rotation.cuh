// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// x~ = H (s * x) (core/palette/rotation.h), with what comes before it folded in: nothing, RMSNorm, or SwiGLU.
//
// H is `blocks` transforms side by side, each a dense sign matrix of `order` (x) Sylvester's of `power`. A
// block of threads computes one segment of `power` outputs of one row: the dense factor first, as sums over
// the whole row (which stays in L2), then the fast transform of its segment in shared memory. So a row is
// spread over blocks x order multiprocessors, and shared memory need not hold it. The order can be made
// larger at the power's cost, as Sylvester's matrix is a Kronecker product itself: hadamard_signs(K, 2^a).
#pragma once

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/rms_norm.cuh"

namespace intarsia::kernels {

struct RotationShape {
  int blocks, order, power;
};

// A row's entries before the signs: value(i), times scale().
struct PlainInput {
  const float* x; // rows `stride` apart, as below
  std::size_t stride;
  INTARSIA_DEVICE void to_row(unsigned row) { x += row * stride; }
  INTARSIA_DEVICE float scale(int, float*) const { return 1; }
  INTARSIA_DEVICE float value(int i) const { return x[i]; }
};
struct NormedInput {
  const float* x;
  std::size_t stride;
  const float* gain;
  float epsilon;
  INTARSIA_DEVICE void to_row(unsigned row) { x += row * stride; }
  INTARSIA_DEVICE float scale(int width, float* scratch) const {
    return inverse_rms(x, width, epsilon, scratch);
  }
  INTARSIA_DEVICE float value(int i) const { return x[i] * gain[i]; }
};
struct GatedInput {
  const float *gate, *up;
  std::size_t stride;
  INTARSIA_DEVICE void to_row(unsigned row) {
    gate += row * stride;
    up += row * stride;
  }
  INTARSIA_DEVICE float scale(int, float*) const { return 1; }
  INTARSIA_DEVICE float value(int i) const { return silu(gate[i]) * up[i]; }
};

// A gap after 32 values, so that no stride of the transform falls on one bank of shared memory alone.
INTARSIA_DEVICE int spread(int i) { return i + i / 32; }

// log_radix steps of the fast transform at once, in registers; neighbours are `stride` apart.
template <int log_radix>
INTARSIA_DEVICE void hadamard_pass(float* x, int power, int stride) {
  constexpr int radix = 1 << log_radix;
  for (int group = int(simt::thread_index().x); group < power / radix; group += int(simt::block_dim().x)) {
    const int first = (group & ~(stride - 1)) * radix + (group & (stride - 1));
    float v[radix];
    INTARSIA_UNROLL
    for (int e = 0; e < radix; ++e) v[e] = x[spread(first + e * stride)];
    INTARSIA_UNROLL
    for (int half = 1; half < radix; half *= 2) {
      INTARSIA_UNROLL
      for (int e = 0; e < radix; ++e)
        if (!(e & half)) {
          const float sum = v[e] + v[e + half], difference = v[e] - v[e + half];
          v[e] = sum;
          v[e + half] = difference;
        }
    }
    INTARSIA_UNROLL
    for (int e = 0; e < radix; ++e) x[spread(first + e * stride)] = v[e];
  }
  simt::block_barrier();
}

// Not scaled. Begins and ends with a barrier.
INTARSIA_DEVICE void fast_hadamard(float* x, int power) {
  simt::block_barrier();
  int stride = 1;
  for (; power / stride >= 8; stride *= 8) hadamard_pass<3>(x, power, stride);
  if (power / stride == 4) hadamard_pass<2>(x, power, stride);
  if (power / stride == 2) hadamard_pass<1>(x, power, stride);
}

// sum_j hadamard[row][j] s_(j power) x_(j power) from `first` on, for the j of one transform.
template <typename Input>
INTARSIA_DEVICE float dense_sum(const Input& input, const std::uint8_t* signs, const std::uint32_t* hadamard,
                                const RotationShape& shape, int first) {
  float sum = 0;
  std::uint32_t word = 0;
  INTARSIA_UNROLL_BY(16) // rows come from L2: a decode step has four such sums a block, one behind the other
  for (int j = 0; j < shape.order; ++j) {
    if (j % 32 == 0 && shape.order > 1) word = hadamard[j / 32];
    const int i = first + j * shape.power;
    const std::uint32_t negative = ((word >> (j % 32)) ^ (unsigned(signs[i / 8]) >> (i % 8))) & 1u;
    sum += simt::float_from_bits(simt::float_bits(input.value(i)) ^ (negative << 31));
  }
  return sum;
}

constexpr std::size_t rotation_shared_bytes(int power) {
  return sizeof(float) * std::size_t(reduce_scratch + power + power / 32);
}

// grid.x: blocks x order, grid.y: rows. signs: a bit an input; hadamard: hadamard_signs(), null for order 1.
// scale: 1 / sqrt(order x power). Inputs must not be the output.
template <typename Input, typename Out>
INTARSIA_KERNEL void rotate_rows(Input input, const std::uint8_t* signs, const std::uint32_t* hadamard,
                                 RotationShape shape, float scale, Out* out) {
  float* scratch = simt::shared_memory<float>();
  float* segment = scratch + reduce_scratch;
  const int width = shape.blocks * shape.order * shape.power;
  const int number = int(simt::block_index().x), row_of_h = number % shape.order;
  const int begin = number / shape.order * shape.order * shape.power;
  input.to_row(simt::block_index().y);
  scale *= input.scale(width, scratch);
  const std::uint32_t* h = shape.order > 1 ? hadamard + row_of_h * ((shape.order + 31) / 32) : nullptr;
  for (int k = int(simt::thread_index().x); k < shape.power; k += int(simt::block_dim().x))
    segment[spread(k)] = dense_sum(input, signs, h, shape, begin + k);
  fast_hadamard(segment, shape.power);
  out += std::size_t(simt::block_index().y) * std::size_t(width) +
         std::size_t(number) * std::size_t(shape.power);
  for (int k = int(simt::thread_index().x); k < shape.power; k += int(simt::block_dim().x))
    store(out + k, segment[spread(k)] * scale);
}

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rotated activations to signed bytes (core/memory/cuda/int8_rows.h).
#pragma once

#include "core/memory/cuda/int8_rows.h"
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/reduce.cuh"

namespace intarsia::kernels {

using cuda::Int8Rows;

// One number as bytes; the lowest of them is the term's.
struct ByteScale {
  float scale, inverse;
  INTARSIA_DEVICE explicit ByteScale(float largest)
      : scale(largest / 127)
      , inverse(largest > 0 ? 127 / largest : 0) {}

  // As an integer in the lower mantissa of 1.5 x 2^23 + value, which rounds to nearest even.
  INTARSIA_DEVICE static float rounded(float value) {
    constexpr float rounder = 12582912;
    return fminf(fmaxf(value, -127), 127) + rounder;
  }
  INTARSIA_DEVICE unsigned term(float x, int number) const {
    constexpr float rounder = 12582912;
    const float first = rounded(x * inverse);
    if (number == 0) return simt::float_bits(first) & 0xFFu;
    const float rest = simt::fused_multiply_add(x, inverse, -(first - rounder)); // in units of scale
    return simt::float_bits(rounded(rest * cuda::int8_second)) & 0xFFu;
  }
};

// Words of the steps of a row, its largest magnitude known: warps take every other step; the lower half of a
// warp makes the first term's 16 words, the upper the second's.
template <typename Input>
INTARSIA_DEVICE void quantize_row(const Input* x, int d_in, float largest, const Int8Rows& to) {
  const ByteScale scale(largest);
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  const int number = simt::lane() % cuda::int8_step_words, term = simt::lane() / cuda::int8_step_words;
  for (int step = simt::warp(); step < to.steps; step += warps) {
    const int column = cuda::int8_step_columns * step + number / 4 * 16 + number % 4;
    std::uint32_t word = 0;
    int sum = 0;
    INTARSIA_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int k = column + 4 * i;
      const unsigned byte = k < d_in ? scale.term(load(x + k), term) : 0u;
      word |= byte << (8 * i);
      sum += int(byte) - (byte & 0x80u ? 256 : 0);
    }
    INTARSIA_UNROLL
    for (int mask = cuda::int8_step_words / 2; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
    if (term >= to.terms) continue;
    const int at = term * to.steps + step;
    to.words[at * cuda::int8_step_words + number] = word;
    if (number == 0) to.sums[at] = sum;
  }
  if (simt::thread_index().x == 0) {
    to.scales[0] = scale.scale;
    if (to.terms > 1) to.scales[1] = scale.scale / cuda::int8_second;
  }
}

constexpr std::size_t quantize_shared_bytes() { return sizeof(unsigned) * reduce_scratch; }

// grid.x: rows of d_in, one behind the other. What is not finite makes the row's scales so, and what they
// scale.
INTARSIA_KERNEL void quantize_rows(const Half* x, int d_in, Int8Rows to) {
  x += simt::block_index().x * std::size_t(d_in);
  unsigned largest = 0; // magnitudes are ordered as their patterns, with NaN above all
  for (int k = int(simt::thread_index().x); k < d_in; k += int(simt::block_dim().x)) {
    const unsigned magnitude = x[k] & 0x7FFFu;
    largest = magnitude > largest ? magnitude : largest;
  }
  largest = block_reduce(largest, Largest(), simt::shared_memory<unsigned>());
  quantize_row(x, d_in, simt::half_to_float(std::uint16_t(largest)), to.from(simt::block_index().x));
}

} // namespace intarsia::kernels

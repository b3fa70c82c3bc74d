// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Activations are f32 or binary16 in memory, f32 in registers.
#pragma once

#include "cuda/simt/simt.cuh"

namespace intarsia::kernels {

using Half = std::uint16_t;

INTARSIA_DEVICE float load(const float* from) { return *from; }
INTARSIA_DEVICE float load(const Half* from) { return simt::half_to_float(*from); }
INTARSIA_DEVICE void store(float* to, float value) { *to = value; }
// What is finite stays finite; infinities and NaN, which tell of damage, stay what they are.
INTARSIA_DEVICE void store(Half* to, float value) {
  constexpr float largest = 65504;
  const std::uint32_t bits = simt::float_bits(value), size = bits & 0x7FFFFFFFu;
  const bool too_large = size > 0x477FE000u && size < 0x7F800000u; // the pattern of `largest`; of infinity
  *to = simt::float_to_half(too_large ? (bits >> 31 ? -largest : largest) : value);
}

// x / (1 + e^-x), which goes to 0 and not to NaN where e^-x overflows.
INTARSIA_DEVICE float silu(float x) { return x / (1 + simt::fast_exp(-x)); }

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later
// Activations are f32 or binary16 in memory, f32 in registers.
#pragma once

#include "cuda/simt.cuh"

namespace intarsia::kernels {

using Half = std::uint16_t;

INTARSIA_DEVICE float load(const float* from) { return *from; }
INTARSIA_DEVICE float load(const Half* from) { return simt::half_to_float(*from); }
INTARSIA_DEVICE void store(float* to, float value) { *to = value; }
INTARSIA_DEVICE void store(Half* to, float value) { *to = simt::float_to_half(value); }

// x / (1 + e^-x), which goes to 0 and not to NaN where e^-x overflows.
INTARSIA_DEVICE float silu(float x) { return x / (1 + simt::fast_exp(-x)); }

} // namespace intarsia::kernels

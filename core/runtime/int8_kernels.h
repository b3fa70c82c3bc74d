// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Inner loops over vectors of 8-bit integers, for the KV cache in 8 bits; dispatched at run time to the best
// instruction set (Highway).
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::kernels {

// sum_i a[i] * b[i], in f32.
float dot_int8(const std::int8_t* a, const float* b, std::size_t n);
// y[i] += scale * x[i].
void add_scaled_int8(float scale, const std::int8_t* x, float* y, std::size_t n);

} // namespace intarsia::kernels

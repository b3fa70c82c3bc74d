// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Activations to int8 (Highway).
#pragma once

#include <cstdint>
#include <span>

namespace intarsia::cpu_kernels {

// NaN where a value is not finite: what is computed from it shows it.
float largest_magnitude(std::span<const float> x);

// values[i] = x[i] / scale to the nearest integer, ties to even, within ±127; 0 where the scale is 0 and from
// x.size() to the next multiple of 64. sums[b]: of the values before column 64 b, up to and with all of them.
void quantize_activation(std::span<const float> x, float scale, std::int8_t* values, std::int32_t* sums);

} // namespace intarsia::cpu_kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Conversion of activations to int8 (Highway).
#pragma once

#include <cstdint>
#include <span>

namespace intarsia::cpu_kernels {

// max |x|; NaN where a value is not finite, so that the results computed from it are not finite either.
float largest_magnitude(std::span<const float> x);

// values[i] = x[i] / scale rounded to the nearest integer, ties to even, clamped to ±127; 0 where the scale
// is 0, and from x.size() to the next multiple of 64. sums[b] = values[0] + … + values[64 b - 1], for b up to
// and including the number of blocks of 64.
void quantize_activation(std::span<const float> x, float scale, std::int8_t* values, std::int32_t* sums);

} // namespace intarsia::cpu_kernels

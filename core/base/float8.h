// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// 8-bit floating-point numbers of checkpoints (OCP 8-bit Floating Point Specification). Exact.
#pragma once

#include <cstdint>

namespace intarsia {

float float8_e4m3_to_float(std::uint8_t bits); // E4M3FN: no infinities, NaN is all ones
float float8_e5m2_to_float(std::uint8_t bits); // the upper half of a binary16
float float8_e8m0_to_float(std::uint8_t bits); // a power of two, 2^(bits - 127); 255 is NaN

} // namespace intarsia

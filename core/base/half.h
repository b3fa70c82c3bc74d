// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// IEEE 754 binary16 and bfloat16 as 16-bit patterns. Conversions to float are exact; from float they round to
// nearest even, overflow to infinity, and keep NaN a NaN.
#pragma once

#include <cstdint>

namespace intarsia {

float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
float bfloat16_to_float(std::uint16_t bits);
std::uint16_t float_to_bfloat16(float value);

} // namespace intarsia

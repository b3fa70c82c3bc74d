// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sums and products of binary16 numbers, rounded once, as the hardware does.
#pragma once

#include <cstdint>

namespace intarsia::simt::host {

std::uint16_t half_add(std::uint16_t a, std::uint16_t b);
std::uint16_t half_multiply(std::uint16_t a, std::uint16_t b);
std::uint16_t half_multiply_add(std::uint16_t a, std::uint16_t b, std::uint16_t c); // a b + c

} // namespace intarsia::simt::host

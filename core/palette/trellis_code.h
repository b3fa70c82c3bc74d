// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// From the 16-bit state of a trellis to a weight: the byte-sum code. All constexpr; shared by host and
// device.
//
// The state times `multiplier` modulo 2^32 is four bytes; their sum, less `offset`, is nearly Gaussian, and
// `scale(quarters)` times that is a unit-variance weight. It needs no table: the product as it stands is an
// operand of an 8-bit dot product (mma u8.s8, vpdpbusd, udot) with the activation repeated four times.
//
// The multiplier is exllamav3's (turboderp-org/exllamav3, MIT); the scales were found by
// tests/bench/train_trellis_code.cpp.
#pragma once

#include <cstdint>

#include "core/palette/trellis.h"

namespace intarsia::trellis {

inline constexpr std::uint32_t multiplier = 0x83DCD12Du;
inline constexpr std::int32_t offset = 510; // half of the largest sum, 4 x 255

// The four bytes that an integer dot product takes. Bits of `state` above the 16th must be 0.
constexpr std::uint32_t state_bytes(std::uint32_t state) { return state * multiplier; }
constexpr std::int32_t byte_sum(std::uint32_t state) {
  const std::uint32_t bytes = state_bytes(state);
  return std::int32_t((bytes & 255) + (bytes >> 8 & 255) + (bytes >> 16 & 255) + (bytes >> 24));
}
// What `state` stands for, in units of scale(): -510 … 510.
constexpr std::int32_t state_value(std::uint32_t state) { return byte_sum(state) - offset; }

// The unit of state_value() at a rate, in standard deviations of a row.
inline constexpr float scales[max_quarters + 1] = {
    0, 0, 0, 0, 0, 0,
#include "core/palette/trellis_scales.inc"
};
constexpr float scale(unsigned quarters) { return scales[quarters]; }

// The encoder's integers: a state stands for state_value() * encoder_steps, a weight w of unit variance for
// w * encoder_factor(quarters), rounded to nearest even and held within ±32767.
inline constexpr std::int32_t encoder_steps = 64;
constexpr std::int32_t encoder_value(std::uint32_t state) { return state_value(state) * encoder_steps; }
constexpr float encoder_factor(unsigned quarters) { return float(encoder_steps) / scale(quarters); }

} // namespace intarsia::trellis

// SPDX-License-Identifier: GPL-3.0-or-later
// From the 16-bit state of a trellis to a weight: a hash, then a curve. Shared by host and device.
//
// The hash is a quadratic permutation polynomial u = s (E s + M) mod 2^16, E even and M odd (such a
// polynomial permutes the residues; Rivest 2001, "Permutation polynomials modulo 2^w"), so every u is some
// state's. Of u the top bit is the sign, the next five bits choose a piece of the curve, and five more bits
// are the place within it: value = start[piece] + slope[piece] * place, an approximation of the half-normal
// quantile function. Above `hinge` of the 1024 places a steeper line adds the tail, which linear pieces of
// equal probability cannot reach.
//
// Every number is an integer in units of 2^-13 and rounded to 11 significant bits, as binary16 does: a GPU
// computes the curve in three binary16 operations (two multiply-adds and a sum) and gets the same bits as the
// integers here. E, M and the pieces were found by tests/bench/train_trellis_code.cpp.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace intarsia::trellis {

inline constexpr std::uint32_t hash_square = 46986, hash_linear = 19469;
inline constexpr unsigned pieces = 32, places = 32; // a piece has 32 places
inline constexpr float unit = 1.f / 8192;

struct Curve {
  std::array<std::int16_t, pieces> start, slope; // in units
  std::int16_t hinge, hinge_slope;               // places from 0 to 1023; units a place
};

#include "core/palette/trellis_curve.inc"

constexpr std::uint32_t hash(std::uint32_t state) {
  return (state * (state * hash_square + hash_linear)) & 0xFFFF;
}

// A sum as binary16 holds it: 11 significant bits, ties to even. value >= 0.
constexpr std::int32_t rounded_to_half(std::int32_t value) {
  const int excess = std::bit_width(std::uint32_t(value)) - 11;
  if (excess <= 0) return value;
  const std::int32_t odd = value >> excess & 1;
  return (value + (1 << (excess - 1)) - 1 + odd) >> excess << excess;
}

// The value of hash u in units.
constexpr std::int32_t curve_value(std::uint32_t u, const Curve& by = curve) {
  const auto magnitude = std::int32_t(u >> 5 & 1023);
  const auto piece = std::size_t(magnitude) / places;
  const std::int32_t place = magnitude % std::int32_t(places);
  const std::int32_t body = rounded_to_half(by.start[piece] + by.slope[piece] * place);
  const std::int32_t above = magnitude > by.hinge ? magnitude - by.hinge : 0;
  const std::int32_t value = rounded_to_half(body + rounded_to_half(above * by.hinge_slope));
  return u & 0x8000 ? -value : value;
}

// What a unit-variance weight coded in `state` decodes to, in units.
constexpr std::int32_t state_value(std::uint32_t state) { return curve_value(hash(state)); }

} // namespace intarsia::trellis

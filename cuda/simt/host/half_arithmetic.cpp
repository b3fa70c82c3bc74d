// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/half_arithmetic.h"

#include <bit>
#include <cmath>

#include "core/base/half.h"

namespace intarsia::simt::host {
namespace {

// Rounding twice is harmless when the first time rounds to odd: towards zero, with the last bit set when
// anything was lost (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
std::uint16_t round_once(double value) {
  float near = float(value);
  if (std::isfinite(near) && double(near) != value) {
    if (std::abs(double(near)) > std::abs(value)) near = std::nextafter(near, 0.f);
    near = std::bit_cast<float>(std::bit_cast<std::uint32_t>(near) | 1u);
  }
  return float_to_half(near);
}

double to_double(std::uint16_t bits) { return double(half_to_float(bits)); }

} // namespace

// Sums and products of two binary16 numbers are exact in double precision.
std::uint16_t half_add(std::uint16_t a, std::uint16_t b) { return round_once(to_double(a) + to_double(b)); }
std::uint16_t half_multiply(std::uint16_t a, std::uint16_t b) {
  return round_once(to_double(a) * to_double(b));
}

std::uint16_t half_multiply_add(std::uint16_t a, std::uint16_t b, std::uint16_t c) {
  const double product = to_double(a) * to_double(b), addend = to_double(c);
  double sum = product + addend;
  const double share = sum - product; // Knuth's two-sum: what the addition lost
  const double lost = (product - (sum - share)) + (addend - share);
  if (std::isfinite(sum) && lost != 0) {
    if ((lost < 0) != (sum < 0)) sum = std::nextafter(sum, 0.0);
    sum = std::bit_cast<double>(std::bit_cast<std::uint64_t>(sum) | 1u);
  }
  return round_once(sum);
}

} // namespace intarsia::simt::host

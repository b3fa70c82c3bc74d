// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/float8.h"

#include <cmath>
#include <limits>

#include "core/base/half.h"

namespace intarsia {

float float8_e4m3_to_float(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value = std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0)
    value = std::ldexp(float(mantissa), -9);
  else if (exponent != 15 || mantissa != 7)
    value = std::ldexp(float(8 + mantissa), exponent - 10);
  return bits & 128 ? -value : value;
}

float float8_e5m2_to_float(std::uint8_t bits) { return half_to_float(std::uint16_t(bits << 8)); }

float float8_e8m0_to_float(std::uint8_t bits) {
  return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.f, int(bits) - 127);
}

} // namespace intarsia

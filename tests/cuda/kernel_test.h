// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the tests of kernels share: launches on the host, and comparisons with the CPU's results.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/base/half.h"
#include "cuda/simt/host/launch.h"
#include "tests/support/test_support.h"

namespace intarsia::test {

using simt::host::Buffer;
using simt::host::updated;
using simt::host::written;

// As the harness's, and says what went wrong: Qt Test shows no exception's words.
template <typename... Parameters, typename... Arguments>
void launch_checked(void (*kernel)(Parameters...), simt::host::Grid grid, unsigned threads,
                    std::size_t shared_bytes, const simt::host::Outputs& outputs,
                    const Arguments&... arguments) {
  try {
    simt::host::launch_checked(kernel, grid, threads, shared_bytes, outputs, arguments...);
  } catch (const simt::host::Violation& violation) {
    qWarning("%s", violation.what());
    throw;
  }
}

template <typename T>
float value_of(T element) {
  if constexpr (std::is_same_v<T, std::uint16_t>)
    return half_to_float(element);
  else
    return element;
}

// How far an output may be from the reference, beside its own rounding: `share` of the largest value.
template <typename T>
bool close(const Buffer<T>& got, const std::vector<float>& expected, float share = 2e-6f) {
  if (got.size() != expected.size()) return false;
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  const float own = std::is_same_v<T, std::uint16_t> ? 0x1p-11f : 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float bound = share * largest + own * std::abs(expected[i]) + (own > 0 ? 0x1p-25f : 0);
    const float value = value_of(got[i]);
    if (!(std::abs(value - expected[i]) <= bound)) { // also where it is NaN
      qWarning("element %zu is %.9g and not %.9g", i, double(value), double(expected[i]));
      return false;
    }
  }
  return true;
}

inline std::vector<std::uint16_t> to_halves(const std::vector<float>& values) {
  std::vector<std::uint16_t> result;
  for (const float value : values) result.push_back(float_to_half(value));
  return result;
}

} // namespace intarsia::test

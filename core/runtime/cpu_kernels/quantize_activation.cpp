// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/quantize_activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/quantize_activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

float LargestMagnitude(const float* x, std::size_t n) {
  const Floats d;
  auto largest = hn::Zero(d), finite = hn::Zero(d); // finite: 0, or NaN where a value is infinite or NaN
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto values = hn::LoadU(d, x + i);
    largest = hn::Max(largest, hn::Abs(values));
    finite = hn::MulAdd(values, hn::Zero(d), finite);
  }
  float result = hn::GetLane(hn::MaxOfLanes(d, largest)), rest = hn::GetLane(hn::SumOfLanes(d, finite));
  for (; i < n; ++i) result = std::max(result, std::fabs(x[i])), rest += 0 * x[i];
  return result + rest;
}

// One product and a conversion with ties to even a value: the same on every instruction set.
void Quantize(const float* x, std::size_t n, float factor, std::int8_t* values) {
  const Floats d;
  const hn::Rebind<std::int32_t, Floats> di;
  const hn::Rebind<std::int8_t, Floats> d8;
  const auto by = hn::Set(d, factor);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), by));
    const auto held = hn::Max(hn::Set(di, -127), hn::Min(rounded, hn::Set(di, 127)));
    hn::StoreU(hn::DemoteTo(d8, held), d8, values + i);
  }
  for (; i < n; ++i) values[i] = std::int8_t(std::clamp(std::lrint(x[i] * factor), -127L, 127L));
}

} // namespace intarsia::cpu_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::cpu_kernels {

HWY_EXPORT(LargestMagnitude);
HWY_EXPORT(Quantize);

float largest_magnitude(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(LargestMagnitude)(x.data(), x.size());
}

void quantize_activation(std::span<const float> x, float scale, std::int8_t* values, std::int32_t* sums) {
  constexpr std::size_t block = 64;
  const std::size_t columns = (x.size() + block - 1) / block * block;
  // A scale so small that its inverse overflows is as good as 0.
  const float factor = scale > 1e-37f ? 1 / scale : 0;
  HWY_DYNAMIC_DISPATCH(Quantize)(x.data(), x.size(), factor, values);
  std::fill(values + x.size(), values + columns, std::int8_t(0));
  sums[0] = 0;
  for (std::size_t b = 0; b < columns / block; ++b) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += values[b * block + i];
    sums[b + 1] = sums[b] + sum;
  }
}

} // namespace intarsia::cpu_kernels
#endif

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/bench/simd_rate.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/simd_rate.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace intarsia::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The mix of a Viterbi step: for each operation on a state one subtraction, multiplication, saturating sum
// and minimum. Returns lane operations; `sink` keeps the compiler honest.
double Operations(std::int64_t rounds, std::uint16_t* sink) {
  const hn::ScalableTag<std::uint16_t> d;
  const hn::RebindToSigned<decltype(d)> ds;
  constexpr int chains = 6;
  hn::Vec<decltype(d)> least[chains], cost[chains];
  for (int i = 0; i < chains; ++i) {
    least[i] = hn::Set(d, 65535);
    cost[i] = hn::Set(d, std::uint16_t(*sink + i * 77));
  }
  const auto target = hn::Set(ds, std::int16_t(*sink * 3));
  for (std::int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < chains; ++i) {
      const auto difference = hn::SaturatedSub(hn::BitCast(ds, cost[i]), target);
#if HWY_TARGET == HWY_SCALAR
      const auto square = hn::BitCast(d, hn::Mul(difference, difference));
#else
      const auto square = hn::BitCast(d, hn::MulFixedPoint15(difference, difference));
#endif
      cost[i] = hn::SaturatedAdd(square, cost[i]);
      least[i] = hn::Min(least[i], cost[i]);
    }
  for (int i = 0; i < chains; ++i)
    *sink = std::uint16_t(*sink + hn::GetLane(least[i]) + hn::GetLane(cost[i]));
  return 4.0 * chains * double(rounds) * double(hn::Lanes(d));
}

double FusedOperations(std::int64_t rounds, std::uint16_t* sink) {
  const hn::ScalableTag<float> d;
  constexpr int chains = 12;
  hn::Vec<decltype(d)> sums[chains];
  const auto factor = hn::Set(d, 1.f - float(*sink & 1) * 1e-6f), term = hn::Set(d, 1e-9f);
  for (int i = 0; i < chains; ++i) sums[i] = hn::Set(d, float(i));
  for (std::int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < chains; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
  for (int i = 0; i < chains; ++i) *sink = std::uint16_t(*sink + (hn::GetLane(sums[i]) > 3 ? 2 : 0));
  return 2.0 * chains * double(rounds) * double(hn::Lanes(d));
}

} // namespace intarsia::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::bench {

HWY_EXPORT(Operations);
HWY_EXPORT(FusedOperations);

namespace {

double best_rate(const auto& operations_of) {
  std::uint16_t sink = 5;
  double best = 0;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    const double operations = operations_of(1 << 20, &sink);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, operations / seconds.count());
  }
  return sink == 4711 ? best + 1 : best;
}

} // namespace

double measure_fma_rate() { return best_rate(HWY_DYNAMIC_DISPATCH(FusedOperations)); }
double measure_simd_rate() { return best_rate(HWY_DYNAMIC_DISPATCH(Operations)); }

} // namespace intarsia::bench
#endif

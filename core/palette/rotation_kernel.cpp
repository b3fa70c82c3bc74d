// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/rotation_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/palette/rotation_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace intarsia::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Sums and differences of values `half` apart; N divides half.
template <std::size_t N>
void butterflies(float* x, std::size_t n, std::size_t half) {
  const hn::CappedTag<float, N> d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t start = 0; start < n; start += 2 * half)
    for (std::size_t i = start; i < start + half; i += lanes) {
      const auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + half);
      hn::StoreU(hn::Add(a, b), d, x + i);
      hn::StoreU(hn::Sub(a, b), d, x + i + half);
    }
}

// The first two stages, of values 1 and 2 apart.
void first_stages(float* x, std::size_t n) {
#if HWY_TARGET == HWY_SCALAR
  butterflies<1>(x, n, 1);
  butterflies<1>(x, n, 2);
#else
  const hn::CappedTag<float, 4> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  alignas(16) constexpr std::uint32_t odd[4] = {0, ~0u, 0, ~0u}, upper[4] = {0, 0, ~0u, ~0u};
  const auto odds = hn::MaskFromVec(hn::BitCast(d, hn::Load(du, odd)));
  const auto uppers = hn::MaskFromVec(hn::BitCast(d, hn::Load(du, upper)));
  for (std::size_t i = 0; i < n; i += 4) {
    auto v = hn::LoadU(d, x + i);
    auto other = hn::Shuffle2301(v);
    v = hn::IfThenElse(odds, hn::Sub(other, v), hn::Add(v, other));
    other = hn::Shuffle1032(v);
    v = hn::IfThenElse(uppers, hn::Sub(other, v), hn::Add(v, other));
    hn::StoreU(v, d, x + i);
  }
#endif
}

void FastHadamard(float* x, std::size_t n) {
  std::size_t half = 1;
  if (n >= 4) {
    first_stages(x, n);
    half = 4;
  }
  for (; half < n; half *= 2) {
    if (half < 4)
      butterflies<1>(x, n, half);
    else if (half == 4)
      butterflies<4>(x, n, half);
    else if (half == 8)
      butterflies<8>(x, n, half);
    else
      butterflies<16>(x, n, half);
  }
  const float scale = float(1 / std::sqrt(double(n)));
  for (std::size_t i = 0; i < n; ++i) x[i] *= scale;
}

// Columns [first, first + lanes) of all rows.
template <class D>
HWY_INLINE void dense_columns(D d, const float* x, const std::int8_t* signs, std::size_t order,
                              std::size_t power, float scale, float* out) {
  for (std::size_t i = 0; i < order; ++i) {
    auto sum = hn::Zero(d);
    for (std::size_t j = 0; j < order; ++j)
      sum = hn::MulAdd(hn::Set(d, float(signs[i * order + j])), hn::LoadU(d, x + j * power), sum);
    hn::StoreU(hn::Mul(sum, hn::Set(d, scale)), d, out + i * power);
  }
}

void DenseHadamard(const float* x, const std::int8_t* signs, std::size_t order, std::size_t power,
                   float* out) {
  const float scale = float(1 / std::sqrt(double(order)));
  const hn::CappedTag<float, 16> d;
  const hn::CappedTag<float, 1> one;
  std::size_t k = 0;
  for (; k + hn::Lanes(d) <= power; k += hn::Lanes(d))
    dense_columns(d, x + k, signs, order, power, scale, out + k);
  for (; k < power; ++k) dense_columns(one, x + k, signs, order, power, scale, out + k);
}

} // namespace intarsia::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia {

HWY_EXPORT(FastHadamard);
HWY_EXPORT(DenseHadamard);

void fast_hadamard(std::span<float> x) { HWY_DYNAMIC_DISPATCH(FastHadamard)(x.data(), x.size()); }

void dense_hadamard(std::span<const float> x, std::span<const std::int8_t> signs, std::size_t order,
                    std::size_t power, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(DenseHadamard)(x.data(), signs.data(), order, power, out.data());
}

} // namespace intarsia
#endif

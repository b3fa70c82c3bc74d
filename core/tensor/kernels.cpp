// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/tensor/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/tensor/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/cache_control.h>

#include "core/base/half.h"

HWY_BEFORE_NAMESPACE();
namespace intarsia::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// Before AVX-512 x86 has 16 vector registers: 4 x 3 sums, a row and three tokens fill them.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
constexpr std::size_t tile_tokens = 3;
#else
constexpr std::size_t tile_tokens = 4;
#endif

// R rows against T tokens: R * T accumulators stay in registers, each load serves several of them.
template <std::size_t R, std::size_t T>
void multiply_tile(const float* w, std::size_t w_stride, const float* x, std::size_t x_stride, std::size_t n,
                   float* y, std::size_t y_stride) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sums[R][T];
  for (auto& of_row : sums)
    for (auto& sum : of_row) sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Vector tokens[T];
    for (std::size_t t = 0; t < T; ++t) tokens[t] = hn::LoadU(d, x + t * x_stride + i);
    for (std::size_t r = 0; r < R; ++r) {
      const Vector row = hn::LoadU(d, w + r * w_stride + i);
      for (std::size_t t = 0; t < T; ++t) sums[r][t] = hn::MulAdd(row, tokens[t], sums[r][t]);
    }
  }
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t t = 0; t < T; ++t) {
      float sum = hn::GetLane(hn::SumOfLanes(d, sums[r][t]));
      for (std::size_t k = i; k < n; ++k) sum += w[r * w_stride + k] * x[t * x_stride + k];
      y[t * y_stride + r] = sum;
    }
}

template <std::size_t R>
void multiply_row_tile(const float* w, std::size_t w_stride, const RowsView& x, std::size_t n, float* y,
                       std::size_t y_stride) {
  std::size_t t = 0;
  const auto multiply = [&]<std::size_t T>() {
    multiply_tile<R, T>(w, w_stride, x.data + t * x.stride, x.stride, n, y + t * y_stride, y_stride);
    t += T;
  };
  const auto left = [&] { return x.count - t; };
  // A tile of one token is slow: two of two take the place of one of three and one.
  while (left() >= tile_tokens && !(tile_tokens == 3 && left() == 4))
    multiply.template operator()<tile_tokens>();
  while (left() >= 2) multiply.template operator()<2>();
  if (left() == 1) multiply.template operator()<1>();
}

void MultiplyRows(const RowsView& w, const RowsView& x, std::size_t n, float* y, std::size_t y_stride) {
  std::size_t r = 0;
  for (; r + 4 <= w.count; r += 4)
    multiply_row_tile<4>(w.data + r * w.stride, w.stride, x, n, y + r, y_stride);
  for (; r < w.count; ++r) multiply_row_tile<1>(w.data + r * w.stride, w.stride, x, n, y + r, y_stride);
}

float Dot(const float* a, const float* b, std::size_t n) {
  float result = 0;
  multiply_tile<1, 1>(a, 0, b, 0, n, &result, 1);
  return result;
}

HWY_INLINE Vector load_half(Floats d, const std::uint16_t* from) {
  const hn::Rebind<hwy::float16_t, Floats> dh;
  const hn::Rebind<std::uint16_t, Floats> du;
  return hn::PromoteTo(d, hn::BitCast(dh, hn::LoadU(du, from)));
}

float DotHalf(const std::uint16_t* a, const float* b, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::MulAdd(load_half(d, a + i), hn::LoadU(d, b + i), sum);
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += intarsia::half_to_float(a[i]) * b[i];
  return total;
}

// The rows are read once, so what is needed `ahead` bytes later is asked for: the same place of the tile's
// next rows where rows are short, and further on in the same row where they are long.
template <std::size_t R>
void half_tile(const HalfRows& w, std::size_t first, const float* x, std::size_t n, float* y) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const std::uint16_t* row = w.data + first * w.stride;
  const std::size_t ahead = R * w.stride * sizeof(*row) <= 8192 ? R * w.stride : 1024;
  Vector sums[R];
  for (auto& sum : sums) sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector x0 = hn::LoadU(d, x + i), x1 = hn::LoadU(d, x + i + lanes);
    for (std::size_t r = 0; r < R; ++r) {
      const std::uint16_t* at = row + r * w.stride + i;
      hwy::Prefetch(at + ahead);
      sums[r] = hn::MulAdd(load_half(d, at), x0, sums[r]);
      sums[r] = hn::MulAdd(load_half(d, at + lanes), x1, sums[r]);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    float sum = hn::GetLane(hn::SumOfLanes(d, sums[r]));
    for (std::size_t k = i; k < n; ++k) sum += intarsia::half_to_float(row[r * w.stride + k]) * x[k];
    y[first + r] = sum;
  }
}

void MultiplyHalfRows(const HalfRows& w, const float* x, std::size_t n, float* y) {
  std::size_t r = 0;
  for (; r + 4 <= w.count; r += 4) half_tile<4>(w, r, x, n, y);
  for (; r < w.count; ++r) half_tile<1>(w, r, x, n, y);
}

void AddScaledHalf(float scale, const std::uint16_t* x, float* y, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const Vector factor = hn::Set(d, scale);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(factor, load_half(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  for (; i < n; ++i) y[i] += scale * intarsia::half_to_float(x[i]);
}

void AddScaled(float scale, const float* x, float* y, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const Vector factor = hn::Set(d, scale);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  for (; i < n; ++i) y[i] += scale * x[i];
}

void HalfToFloat(const std::uint16_t* from, float* to, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(load_half(d, from + i), d, to + i);
  for (; i < n; ++i) to[i] = intarsia::half_to_float(from[i]);
}

const char* InstructionSet() { return hwy::TargetName(HWY_TARGET); }

} // namespace intarsia::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::kernels {

HWY_EXPORT(MultiplyRows);
HWY_EXPORT(Dot);
HWY_EXPORT(DotHalf);
HWY_EXPORT(MultiplyHalfRows);
HWY_EXPORT(AddScaledHalf);
HWY_EXPORT(AddScaled);
HWY_EXPORT(HalfToFloat);
HWY_EXPORT(InstructionSet);

void multiply_rows(RowsView w, RowsView x, std::size_t n, float* y, std::size_t y_stride) {
  HWY_DYNAMIC_DISPATCH(MultiplyRows)(w, x, n, y, y_stride);
}
float dot(const float* a, const float* b, std::size_t n) { return HWY_DYNAMIC_DISPATCH(Dot)(a, b, n); }
float dot_half(const std::uint16_t* a, const float* b, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(DotHalf)(a, b, n);
}
void multiply_half_rows(HalfRows w, const float* x, std::size_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(MultiplyHalfRows)(w, x, n, y);
}
void add_scaled_half(float scale, const std::uint16_t* x, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaledHalf)(scale, x, y, n);
}
void add_scaled(float scale, const float* x, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(scale, x, y, n);
}
void half_to_float(const std::uint16_t* from, float* to, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(HalfToFloat)(from, to, n);
}
const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(InstructionSet)(); }

} // namespace intarsia::kernels
#endif

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/int8_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/int8_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace intarsia::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

HWY_INLINE hn::Vec<Floats> load_int8(Floats d, const std::int8_t* from) {
  const hn::Rebind<std::int8_t, Floats> d8;
  const hn::Rebind<std::int32_t, Floats> d32;
  return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, from)));
}

float DotInt8(const std::int8_t* a, const float* b, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::MulAdd(load_int8(d, a + i), hn::LoadU(d, b + i), sum);
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += float(a[i]) * b[i];
  return total;
}

void AddScaledInt8(float scale, const std::int8_t* x, float* y, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(factor, load_int8(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  for (; i < n; ++i) y[i] += scale * float(x[i]);
}

} // namespace intarsia::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::kernels {

HWY_EXPORT(DotInt8);
HWY_EXPORT(AddScaledInt8);

float dot_int8(const std::int8_t* a, const float* b, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(DotInt8)(a, b, n);
}
void add_scaled_int8(float scale, const std::int8_t* x, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaledInt8)(scale, x, y, n);
}

} // namespace intarsia::kernels
#endif

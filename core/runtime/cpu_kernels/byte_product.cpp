// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/byte_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/byte_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>

#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/row_vnni.h"

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Sums = hn::ScalableTag<std::int32_t>;

// `columns`: a multiple of 64.
std::int64_t ByteDot(const std::uint8_t* weights, const std::int8_t* x, std::size_t columns) {
  const Sums d;
  std::int64_t total = 0;
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < columns; ++i) total += std::int32_t(weights[i]) * x[i];
  (void)d;
#else
  const hn::Repartition<std::int16_t, Sums> d16;
  const hn::Rebind<std::uint8_t, decltype(d16)> unsigned_bytes;
  const hn::Rebind<std::int8_t, decltype(d16)> signed_bytes;
  auto sum = hn::Zero(d), rest = hn::Zero(d);
  for (std::size_t i = 0; i < columns; i += hn::Lanes(d16))
    sum = hn::ReorderWidenMulAccumulate(d, hn::PromoteTo(d16, hn::LoadU(unsigned_bytes, weights + i)),
                                        hn::PromoteTo(d16, hn::LoadU(signed_bytes, x + i)), sum, rest);
  total = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, rest)));
#endif
  return total;
}

} // namespace intarsia::cpu_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::cpu_kernels {

HWY_EXPORT(ByteDot);

namespace {

constexpr std::size_t max_rows = 64;

void byte_sums(const std::uint8_t* weights, std::size_t row_bytes, std::size_t count, const std::int8_t* x,
               std::int64_t* sums) {
#if INTARSIA_HAVE_VNNI_CODE
  if (has_vnni()) return vnni::byte_rows(weights, row_bytes, count, row_bytes, x, sums);
#endif
  for (std::size_t row = 0; row < count; ++row)
    sums[row] = HWY_DYNAMIC_DISPATCH(ByteDot)(weights + row * row_bytes, x, row_bytes);
}

} // namespace

void multiply_bytes(const ByteLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  const std::size_t row_bytes = layer.row_bytes();
  for (std::size_t first = rows.first; first < rows.first + rows.count; first += max_rows) {
    const std::size_t count = std::min(max_rows, rows.first + rows.count - first);
    std::array<float, max_rows> values{};
    for (std::size_t i = 0; i < x.inputs; ++i) {
      std::int64_t sums[max_rows];
      byte_sums(layer.weights.data() + first * row_bytes, row_bytes, count, x.values.data() + i * x.columns,
                sums);
      const std::int64_t less = std::int64_t(ByteLinear::offset) * x.sum(i, 0, x.columns / 64);
      const bool first_term = i % out.terms == 0, last_term = (i + 1) % out.terms == 0;
      for (std::size_t row = 0; row < count; ++row) {
        values[row] = (first_term ? 0 : values[row]) + x.scales[i] * float(sums[row] - less);
        if (last_term) out.at(i / out.terms, first + row) = values[row] * layer.scales[first + row];
      }
    }
  }
}

} // namespace intarsia::cpu_kernels
#endif

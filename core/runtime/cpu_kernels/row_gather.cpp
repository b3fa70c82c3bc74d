// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/row_gather.h"

// AVX-512 with VNNI has code of its own (row_vnni.h), without it AVX2's is as good.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/row_gather.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t step_codes = 8, step_columns = 2 * step_codes;

#if HWY_TARGET == HWY_SCALAR

void GatherRows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  for (std::size_t r = 0; r < count; ++r) {
    sums[r] = 0;
    for (std::size_t column = 0; column < columns; column += 2) {
      std::uint32_t bits = 0;
      const std::size_t bit = column / 2 * table.width;
      std::memcpy(&bits, codes + r * row_bytes + bit / 8, std::min<std::size_t>(4, row_bytes - bit / 8));
      const std::uint32_t pair = table.pairs[bits >> bit % 8 & ((1u << table.width) - 1)];
      sums[r] += std::int16_t(pair & 0xFFFF) * x[column] + std::int16_t(pair >> 16) * x[column + 1];
    }
  }
}

#else

using Words = hn::CappedTag<std::uint32_t, step_codes>;
using Sums = hn::RebindToSigned<Words>;
using Pairs = hn::Repartition<std::int16_t, Words>;
using Activations = hn::Rebind<std::int8_t, Pairs>;
constexpr std::size_t lanes = hn::MaxLanes(Words()), parts = step_codes / lanes; // vectors a step

// Where the eight codes of a step are: `width` bytes, of which each block of 128 bits takes four codes.
class Cut {
 public:
  static constexpr std::size_t block_codes = 4, block_bytes = 16;

  explicit Cut(unsigned width)
      : second_(block_codes * width / 8) {
    for (unsigned code = 0; code < step_codes; ++code) {
      const unsigned bit = code * width - (code < block_codes ? 0 : 8 * unsigned(second_));
      for (unsigned byte = 0; byte < 4; ++byte) bytes_[4 * code + byte] = std::uint8_t(bit / 8 + byte);
      shifts_[code] = bit % 8;
    }
    mask_ = (1u << width) - 1;
  }
  std::size_t bytes_read() const { return second_ + block_bytes; }

  template <class D> // Words
  HWY_INLINE hn::Vec<D> codes(D d, const std::byte* from, std::size_t part) const {
    const hn::Repartition<std::uint8_t, D> d8;
    const hn::CappedTag<std::uint8_t, block_bytes> block;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
    const auto cut = [&](auto raw) HWY_ATTR {
      const auto dwords = hn::BitCast(d, hn::TableLookupBytes(raw, hn::Load(d8, bytes_ + 4 * lanes * part)));
      return hn::And(hn::Shr(dwords, hn::Load(d, shifts_ + lanes * part)), hn::Set(d, mask_));
    };
    if constexpr (hn::MaxLanes(D()) == step_codes)
      return cut(hn::Combine(d8, hn::LoadU(block, bytes + second_), hn::LoadU(block, bytes)));
    else
      return cut(hn::LoadU(block, bytes + part * second_));
  }

 private:
  std::size_t second_; // byte at which the second block begins
  std::uint32_t mask_;
  alignas(32) std::uint8_t bytes_[4 * step_codes];
  alignas(32) std::uint32_t shifts_[step_codes];
};

template <std::size_t R>
void rows_together(const PairTable& table, const Cut& cut, const std::byte* codes, std::size_t row_bytes,
                   std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  // 2 x 32,767 x 127 a step and lane: 256 of them fit 32 bits.
  constexpr std::size_t exact_columns = 256 * step_columns;
  for (std::size_t r = 0; r < R; ++r) sums[r] = 0;
  for (std::size_t first = 0; first < columns; first += exact_columns) {
    hn::Vec<Sums> totals[R];
    for (auto& total : totals) total = hn::Zero(Sums());
    for (std::size_t column = first; column < std::min(columns, first + exact_columns);
         column += step_columns) {
      const std::size_t at = column / step_columns * table.width, left = row_bytes - at;
      for (std::size_t part = 0; part < parts; ++part) {
        const auto activations =
            hn::PromoteTo(Pairs(), hn::LoadU(Activations(), x + column + 2 * lanes * part));
        HWY_UNROLL(4)
        for (std::size_t r = 0; r < R; ++r) {
          const std::byte* from = codes + r * row_bytes + at;
          std::byte end[32];
          if (left < cut.bytes_read()) {
            std::memset(end, 0, sizeof end);
            std::memcpy(end, from, left);
            from = end;
          }
          const auto pairs =
              hn::BitCast(Pairs(), hn::GatherIndex(Words(), table.pairs.data(),
                                                   hn::BitCast(Sums(), cut.codes(Words(), from, part))));
          auto rest = hn::Zero(Sums()); // stays so on x86
          totals[r] = hn::ReorderWidenMulAccumulate(Sums(), pairs, activations, totals[r], rest);
          totals[r] = hn::Add(totals[r], rest);
        }
      }
    }
    for (std::size_t r = 0; r < R; ++r) {
      alignas(32) std::int32_t of_lanes[lanes];
      hn::Store(totals[r], Sums(), of_lanes);
      for (const std::int32_t sum : of_lanes) sums[r] += sum;
    }
  }
}

void GatherRows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  constexpr std::size_t together = 4;
  const Cut cut(table.width);
  std::size_t r = 0;
  for (; r + together <= count; r += together)
    rows_together<together>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
  for (; r < count; ++r) rows_together<1>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
}

#endif

} // namespace intarsia::cpu_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::cpu_kernels {

HWY_EXPORT(GatherRows);

void gather_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  HWY_DYNAMIC_DISPATCH(GatherRows)(table, codes, row_bytes, count, columns, x, sums);
}

} // namespace intarsia::cpu_kernels
#endif

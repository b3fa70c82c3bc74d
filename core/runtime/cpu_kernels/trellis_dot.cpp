// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_kernels/trellis_dot.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/trellis_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "core/palette/trellis_code.h"
#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/trellis_vnni.h"

#ifndef INTARSIA_TRELLIS_PART
#define INTARSIA_TRELLIS_PART
namespace intarsia::cpu_kernels {

// The streams of a ring's eight lanes in a block, all four parts.
struct TrellisLanes {
  std::byte bytes[trellis::ring_lanes][4 * trellis::most_quarters + 24];

  TrellisLanes(const std::byte* block, unsigned quarters, unsigned ring) {
    const unsigned fours = quarters / 4;
    for (unsigned lane = 0; lane < trellis::ring_lanes; ++lane) {
      const unsigned of_block = ring * trellis::ring_lanes + lane;
      for (unsigned n = 0; n < fours; ++n)
        std::memcpy(bytes[lane] + 16 * n, block + 4 * trellis::word_index(4 * n, of_block, quarters), 16);
      for (unsigned word = 4 * fours; word < quarters; ++word)
        std::memcpy(bytes[lane] + 4 * word, block + 4 * trellis::word_index(word, of_block, quarters), 4);
    }
  }
};

// A part of the lanes' streams, each going on with the next lane's: pieces[k][lane] has the 32 bits from 16 k
// on, so that every window lies in one of them.
struct TrellisPart {
  alignas(64) std::uint32_t pieces[trellis::most_quarters / 2 + 1][trellis::ring_lanes];

  void gather(const TrellisLanes& lanes, unsigned quarters, unsigned part) {
    std::byte stream[trellis::most_quarters + 8];
    for (unsigned lane = 0; lane < trellis::ring_lanes; ++lane) {
      std::memcpy(stream, lanes.bytes[lane] + part * quarters, trellis::most_quarters);
      std::memcpy(stream + quarters, lanes.bytes[(lane + 1) % trellis::ring_lanes] + part * quarters, 4);
      for (unsigned k = 0; k < quarters / 2 + 1; ++k) std::memcpy(&pieces[k][lane], stream + 2 * k, 4);
    }
  }
};

} // namespace intarsia::cpu_kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using trellis::panel_rows;
using trellis::ring_lanes;

#if HWY_TARGET == HWY_SCALAR

void TrellisDot(const TrellisRun& run, const std::int8_t* x, std::int32_t* sums) {
  for (unsigned row = 0; row < panel_rows; ++row) sums[row] = 0;
  TrellisPart part;
  for (std::size_t block = 0; block < run.blocks; ++block)
    for (unsigned number = 0; number < trellis::block_rings; ++number) {
      const TrellisLanes streams(run.codes + block * trellis::block_bytes(run.quarters), run.quarters,
                                 number % trellis::part_rings);
      part.gather(streams, run.quarters, number / trellis::part_rings);
      for (unsigned t = 0; t < trellis::ring_weights; ++t) {
        const trellis::Place place = trellis::place(number, t);
        const unsigned lane = t / trellis::lane_weights;
        const unsigned bit = t % trellis::lane_weights * run.quarters / 4;
        const std::uint32_t state = part.pieces[bit / 16][lane] >> bit % 16 & trellis::state_mask;
        const std::size_t column = run.first_column + block * trellis::block_columns + place.column;
        sums[place.row] += trellis::byte_sum(state) * x[4 * column];
      }
    }
}

#else

// 4 or 8 lanes of a ring: one or two rows, columns c … c + 3 of each.
using Windows = hn::CappedTag<std::uint32_t, ring_lanes>;
using Sums = hn::RebindToSigned<Windows>;
using Pairs = hn::Repartition<std::int16_t, Windows>;

// The byte sum of every 32-bit lane in two 16-bit terms.
HWY_INLINE hn::Vec<Pairs> byte_pair_sums(hn::Vec<Windows> products) {
  const Pairs d16;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::Vec<Pairs>{_mm256_maddubs_epi16(products.raw, _mm256_set1_epi8(1))};
#elif HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
  return hn::Vec<Pairs>{_mm_maddubs_epi16(products.raw, _mm_set1_epi8(1))};
#else
  const hn::RebindToUnsigned<Pairs> du;
  const auto halves = hn::BitCast(du, products);
  return hn::BitCast(d16, hn::Add(hn::And(halves, hn::Set(du, 255)), hn::ShiftRight<8>(halves)));
#endif
}

// By 16-row group, lower or upper eight rows, lane of the ring.
using RingSums = std::int32_t[4][2][ring_lanes];

// The 256 weights of a part. `x`: its 16 activations, four times each.
void add_part(const TrellisPart& part, unsigned quarters, const std::int8_t* x, RingSums& totals) {
  const Windows dw;
  const Sums ds;
  const Pairs dp;
  const hn::Rebind<std::int8_t, Pairs> narrow;
  const auto multiplier = hn::Set(dw, trellis::multiplier), mask = hn::Set(dw, trellis::state_mask);
  // Four activations, each in two 16-bit lanes, for every row of a vector.
  alignas(32) std::int8_t twice[4][16];
  for (unsigned four = 0; four < 4; ++four)
    for (unsigned i = 0; i < 8; ++i) twice[four][i] = twice[four][i + 8] = x[16 * four + 2 * i];
  for (std::size_t lane = 0; lane < ring_lanes; lane += hn::Lanes(dw))
    for (unsigned high = 0; high < 4; ++high)
      for (unsigned upper = 0; upper < 2; ++upper) {
        auto sum = hn::Load(ds, totals[high][upper] + lane);
        auto rest = hn::Zero(ds);
        HWY_UNROLL(4)
        for (unsigned four = 0; four < 4; ++four) { // halves of eight columns and of these four
          const unsigned bit = (8 * high + 2 * four + upper) * quarters / 4;
          const auto piece = hn::Load(dw, part.pieces[bit / 16] + lane);
          const auto windows = hn::And(hn::Shr(piece, hn::Set(dw, bit % 16)), mask);
          sum = hn::ReorderWidenMulAccumulate(ds, byte_pair_sums(hn::Mul(windows, multiplier)),
                                              hn::PromoteTo(dp, hn::LoadU(narrow, twice[four])), sum, rest);
        }
        // Where 16-bit lanes are reordered (NEON), four lanes together are one row all the same.
        hn::Store(hn::Add(sum, rest), ds, totals[high][upper] + lane);
      }
}

void TrellisDot(const TrellisRun& run, const std::int8_t* x, std::int32_t* sums) {
  alignas(64) RingSums totals[trellis::part_rings] = {};
  TrellisPart part;
  const std::byte* codes = run.codes;
  for (std::size_t block = 0; block < run.blocks; ++block, codes += trellis::block_bytes(run.quarters))
    for (unsigned ring = 0; ring < trellis::part_rings; ++ring) {
      const TrellisLanes streams(codes, run.quarters, ring);
      for (unsigned p = 0; p < trellis::block_parts; ++p) {
        part.gather(streams, run.quarters, p);
        add_part(part, run.quarters,
                 x + 4 * (run.first_column + block * trellis::block_columns + p * trellis::ring_columns),
                 totals[ring]);
      }
    }
  for (unsigned row = 0; row < panel_rows; ++row) {
    const unsigned group = row % 8; // of four lanes
    const std::int32_t* of = totals[group / 2][row / 16][row / 8 % 2] + group % 2 * 4;
    sums[row] = of[0] + of[1] + of[2] + of[3];
  }
}

#endif

} // namespace intarsia::cpu_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::cpu_kernels {

HWY_EXPORT(TrellisDot);

namespace {
constexpr std::size_t plain_copies = 4;
}

void trellis_dot(const TrellisRun& run, const std::int8_t* const* inputs, std::size_t count,
                 TrellisSums sums) {
#if INTARSIA_HAVE_VNNI_CODE
  if (has_vnni()) return vnni::trellis_dot(run, inputs, count, sums);
#endif
  for (std::size_t t = 0; t < count; ++t) HWY_DYNAMIC_DISPATCH(TrellisDot)(run, inputs[t], sums[t]);
}

std::size_t activation_copies() { return has_vnni() ? vnni::trellis_copies : plain_copies; }

void expand_activations(const std::int8_t* x, std::size_t columns, std::int8_t* to) {
  const std::size_t copies = activation_copies();
  for (std::size_t i = 0; i < columns; ++i) std::memset(to + i * copies, x[i], copies);
}

} // namespace intarsia::cpu_kernels
#endif

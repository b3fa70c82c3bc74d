// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/trellis_dot.h"

// These would only repeat SSE4's and AVX2's code, which takes long to compile: AVX-512 has code of its own.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/trellis_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/cache_control.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/palette/trellis_code.h"
#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/trellis_vnni.h"

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using trellis::panel_rows;
using trellis::ring_lanes;

#if HWY_TARGET == HWY_SCALAR

// 32 bits of the lane's stream in a block from word * 32 on.
std::uint32_t word_of(const std::byte* block, unsigned quarters, unsigned lane, unsigned word) {
  std::uint32_t bits;
  std::memcpy(&bits, block + 4 * trellis::word_index(word, lane, quarters), 4);
  return bits;
}

// The part's window at `bit`, which goes on in the next lane's stream where its own ends.
std::uint32_t window(const std::byte* block, unsigned quarters, unsigned ring, unsigned part, unsigned lane,
                     unsigned bit) {
  std::uint32_t state = 0;
  for (unsigned i = 0; i < trellis::state_bits; ++i) {
    const unsigned own = bit + i < 8 * quarters;
    const unsigned of = ring * ring_lanes + (own ? lane : (lane + 1) % ring_lanes);
    const unsigned at = 8 * quarters * part + (own ? bit + i : bit + i - 8 * quarters);
    state |= (word_of(block, quarters, of, at / 32) >> at % 32 & 1) << i;
  }
  return state;
}

void TrellisDot(const TrellisRun& run, const std::int8_t* x, std::int32_t* sums) {
  for (unsigned row = 0; row < panel_rows; ++row) sums[row] = 0;
  for (std::size_t block = 0; block < run.blocks; ++block)
    for (unsigned number = 0; number < trellis::block_rings; ++number)
      for (unsigned t = 0; t < trellis::ring_weights; ++t) {
        const trellis::TilePosition position = trellis::tile_position(number, t);
        const std::uint32_t state =
            window(run.codes + block * trellis::block_bytes(run.quarters), run.quarters,
                   number % trellis::part_rings, number / trellis::part_rings, t / trellis::lane_weights,
                   t % trellis::lane_weights * run.quarters / 4);
        const std::size_t column = run.first_column + block * trellis::block_columns + position.column;
        sums[position.row] += trellis::byte_sum(state) * x[4 * column];
      }
}

#else

// A vector holds 4 or 8 lanes of a ring: one or two rows, columns c … c + 3 of each.
using Words = hn::CappedTag<std::uint32_t, ring_lanes>;
using Sums = hn::RebindToSigned<Words>;
using Pairs = hn::Repartition<std::int16_t, Words>;
using WordVector = hn::Vec<Words>;
constexpr std::size_t halves = ring_lanes / hn::MaxLanes(Words()); // vectors a ring

// The byte sum of every 32-bit lane in two 16-bit terms.
HWY_INLINE hn::Vec<Pairs> byte_pair_sums(WordVector products) {
#if HWY_TARGET == HWY_AVX2
  return hn::Vec<Pairs>{_mm256_maddubs_epi16(products.raw, _mm256_set1_epi8(1))};
#elif HWY_TARGET == HWY_SSE4
  return hn::Vec<Pairs>{_mm_maddubs_epi16(products.raw, _mm_set1_epi8(1))};
#else
  const hn::RebindToUnsigned<Pairs> du;
  const auto pairs = hn::BitCast(du, products);
  return hn::BitCast(Pairs(), hn::Add(hn::And(pairs, hn::Set(du, 255)), hn::ShiftRight<8>(pairs)));
#endif
}

// Four activations, each in the two 16-bit lanes of a word, from their four copies as bytes: a copy's upper
// byte is its sign and value.
HWY_INLINE hn::Vec<Pairs> activations(const std::int8_t* copies) {
  const hn::Repartition<std::int8_t, Words> d8;
  return hn::ShiftRight<8>(hn::BitCast(Pairs(), hn::LoadDup128(d8, copies)));
}

// Words 0 … Q - 1 of the streams of a ring's lanes in a block, in `halves` vectors each.
template <unsigned Q>
struct Streams {
  WordVector words[halves][Q];

  HWY_INLINE Streams(const std::byte* block, unsigned ring) {
    const Words d;
    constexpr unsigned fours = Q / 4;
    const auto* dwords = reinterpret_cast<const std::uint32_t*>(block);
    for (std::size_t half = 0; half < halves; ++half) {
      const std::size_t lane = ring * ring_lanes + half * hn::MaxLanes(d);
      HWY_UNROLL(8)
      for (unsigned n = 0; n < fours; ++n)
        hn::LoadInterleaved4(d, dwords + 128 * n + 4 * lane, words[half][4 * n], words[half][4 * n + 1],
                             words[half][4 * n + 2], words[half][4 * n + 3]);
      HWY_UNROLL(4)
      for (unsigned word = 4 * fours; word < Q; ++word)
        words[half][word] = hn::LoadU(d, dwords + 32 * word + lane);
    }
  }

  // 32 bits of each lane from `bit` on; bits beyond the stream are undefined.
  template <unsigned bit>
  HWY_INLINE WordVector from(std::size_t half) const {
    constexpr unsigned word = bit / 32, shift = bit % 32;
    if constexpr (shift == 0)
      return words[half][word];
    else if constexpr (word + 1 == Q)
      return hn::ShiftRight<shift>(words[half][word]);
    else
      return hn::Or(hn::ShiftRight<shift>(words[half][word]),
                    hn::ShiftLeft<32 - shift>(words[half][word + 1]));
  }

  // The same of each lane's follower in the ring.
  template <unsigned bit>
  HWY_INLINE WordVector of_next_lane(std::size_t half) const {
    const Words d;
    if constexpr (halves == 1) {
      alignas(32) static constexpr std::uint32_t next[8] = {1, 2, 3, 4, 5, 6, 7, 0};
      return hn::TableLookupLanes(from<bit>(0), hn::SetTableIndices(d, next));
    } else {
      return hn::CombineShiftRightBytes<4>(d, from<bit>(1 - half), from<bit>(half));
    }
  }
};

// Sums of a ring by 16-row group h and lower or upper eight rows: [2 h + upper].
using RingSums = hn::Vec<Sums>[8];

// Window j of part p, in the low 16 bits of each lane.
template <unsigned Q, unsigned p, unsigned j>
HWY_INLINE WordVector window(const Streams<Q>& streams, std::size_t half, WordVector next) {
  constexpr unsigned end = 8 * Q * (p + 1), first = 8 * Q * p + j * Q / 4;
  const WordVector mask = hn::Set(Words(), trellis::state_mask);
  if constexpr (first + 16 <= end && first % 32 <= 16) {
    const WordVector shifted = hn::ShiftRight<first % 32>(streams.words[half][first / 32]);
    if constexpr (first % 32 == 16)
      return shifted;
    else
      return hn::And(shifted, mask);
  } else if constexpr (first + 16 <= end) {
    return hn::And(streams.template from<first>(half), mask);
  } else {
    constexpr unsigned own = end - first; // bits before the next lane's
    const WordVector last = hn::ShiftRight<32 - own>(streams.template from<end - 32>(half));
    return hn::And(hn::Or(last, hn::ShiftLeft<own>(next)), mask);
  }
}

template <unsigned Q, unsigned p, unsigned four, std::size_t... i>
HWY_INLINE void add_windows(const Streams<Q>& streams, std::size_t half, WordVector next, hn::Vec<Pairs> x,
                            RingSums& sums, std::index_sequence<i...>) {
  const WordVector multiplier = hn::Set(Words(), trellis::multiplier);
  const auto add = [&](WordVector states, hn::Vec<Sums>& sum) HWY_ATTR {
    auto rest = hn::Zero(Sums()); // stays so on x86
    sum = hn::ReorderWidenMulAccumulate(Sums(), byte_pair_sums(hn::Mul(states, multiplier)), x, sum, rest);
    sum = hn::Add(sum, rest);
  };
  (add(window<Q, p, 8 * (unsigned(i) / 2) + 2 * four + unsigned(i) % 2>(streams, half, next), sums[i]), ...);
}

// The 256 weights of a part. `x`: its 16 activations, four times each.
template <unsigned Q, unsigned p>
HWY_INLINE void add_part(const Streams<Q>& streams, const std::int8_t* x, RingSums (&sums)[halves]) {
  constexpr auto eight = std::make_index_sequence<8>();
  for (std::size_t half = 0; half < halves; ++half) {
    const WordVector next = streams.template of_next_lane<8 * Q * p>(half);
    add_windows<Q, p, 0>(streams, half, next, activations(x), sums[half], eight);
    add_windows<Q, p, 1>(streams, half, next, activations(x + 16), sums[half], eight);
    add_windows<Q, p, 2>(streams, half, next, activations(x + 32), sums[half], eight);
    add_windows<Q, p, 3>(streams, half, next, activations(x + 48), sums[half], eight);
  }
}

// Lanes 0 … 3 of a ring are a row, 4 … 7 the next. Where 16-bit lanes are reordered (NEON), four together are
// one row all the same.
void store_sums(const RingSums (&totals)[halves], std::int32_t* sums) {
  const Sums d;
  for (unsigned i = 0; i < 8; ++i) {
    alignas(32) std::int32_t lanes[ring_lanes];
    for (std::size_t half = 0; half < halves; ++half)
      hn::Store(totals[half][i], d, lanes + half * hn::MaxLanes(d));
    std::int32_t* row = sums + 16 * (i / 2) + 8 * (i % 2);
    row[0] = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    row[1] = lanes[4] + lanes[5] + lanes[6] + lanes[7];
  }
}

template <unsigned Q>
void dot_run(const TrellisRun& run, const std::int8_t* x, std::int32_t* sums) {
  constexpr std::size_t part_inputs = 4 * trellis::ring_columns;
  RingSums totals[trellis::part_rings][halves];
  for (auto& ring : totals)
    for (RingSums& half : ring)
      for (auto& total : half) total = hn::Zero(Sums());
  const std::byte* codes = run.codes;
  const std::int8_t* inputs = x + 4 * run.first_column;
  for (std::size_t block = 0; block < run.blocks; ++block) {
    for (unsigned ring = 0; ring < trellis::part_rings; ++ring) {
      const Streams<Q> streams(codes, ring);
      for (std::size_t at = 0; at < trellis::block_bytes(Q) / 4; at += 64)
        hwy::Prefetch(codes + prefetch_distance + trellis::block_bytes(Q) / 4 * ring + at);
      add_part<Q, 0>(streams, inputs, totals[ring]);
      add_part<Q, 1>(streams, inputs + part_inputs, totals[ring]);
      add_part<Q, 2>(streams, inputs + 2 * part_inputs, totals[ring]);
      add_part<Q, 3>(streams, inputs + 3 * part_inputs, totals[ring]);
    }
    codes += trellis::block_bytes(Q);
    inputs += 4 * part_inputs;
  }
  for (unsigned ring = 0; ring < trellis::part_rings; ++ring) store_sums(totals[ring], sums + 2 * ring);
}

using DotRun = void (*)(const TrellisRun&, const std::int8_t*, std::int32_t*);
template <std::size_t... rate>
constexpr std::array<DotRun, sizeof...(rate)> dot_runs(std::index_sequence<rate...>) {
  return {dot_run<trellis::min_quarters + unsigned(rate)>...};
}

void TrellisDot(const TrellisRun& run, const std::int8_t* x, std::int32_t* sums) {
  constexpr unsigned rates = trellis::max_quarters - trellis::min_quarters + 1;
  static constexpr auto runs = dot_runs(std::make_index_sequence<rates>());
  runs[run.quarters - trellis::min_quarters](run, x, sums);
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

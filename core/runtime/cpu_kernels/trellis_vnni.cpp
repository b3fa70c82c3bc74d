// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/trellis_vnni.h"

#include "core/runtime/cpu_kernels/cpu_features.h"

#if INTARSIA_HAVE_VNNI_CODE
#include <array>
#include <immintrin.h>
#include <utility>

#include "core/palette/trellis_code.h"

// A vector holds a ring's eight lanes, a 64-bit piece of each lane's stream: slots in the order that
// unpacking two loads gives, lane(slot) = slot / 2 + 4 (slot % 2). vpmultishiftqb cuts two windows of every
// slot, with the bits above them zero; vpmulld makes eight bytes of them and vpdpbusd multiplies and adds.
// The two windows are weights j and j + 1, j even: rows g and g + 8 of one column. So the four 128-bit parts
// of a vector hold four neighbouring columns, and an activation is repeated 16 times.

// GCC 12 takes its own _mm512_undefined_epi32() for a use of an uninitialised variable.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2")

namespace intarsia::cpu_kernels::vnni {
namespace {

using Vector = __m512i;
using trellis::block_columns;
using trellis::block_parts;
using trellis::lane_weights;
using trellis::part_rings;

constexpr unsigned lane_of(unsigned slot) { return slot / 2 + 4 * (slot % 2); }
constexpr unsigned slot_of(unsigned lane) { return lane % 4 * 2 + lane / 4; }

struct alignas(64) Indices {
  std::uint32_t dwords[16];
};
// Dwords of a remaining word of lanes 0 … 7 into the lower halves of their slots; the upper halves from a
// second source.
constexpr Indices spread_words() {
  Indices indices{};
  for (unsigned slot = 0; slot < 8; ++slot) {
    indices.dwords[2 * slot] = lane_of(slot);
    indices.dwords[2 * slot + 1] = 16 + lane_of(slot);
  }
  return indices;
}
// The lower half of each slot stays, the upper becomes the lower half of the next lane's in the second
// source.
constexpr Indices follow_lanes() {
  Indices indices{};
  for (unsigned slot = 0; slot < 8; ++slot) {
    indices.dwords[2 * slot] = 2 * slot;
    indices.dwords[2 * slot + 1] = 16 + 2 * slot_of((lane_of(slot) + 1) % 8);
  }
  return indices;
}
alignas(64) constexpr Indices spread = spread_words(), follow = follow_lanes();

Vector load(const void* from) { return _mm512_loadu_si512(from); }

// The quarter of a block of `bytes` that is needed prefetch_distance later.
template <std::size_t bytes>
inline __attribute__((always_inline)) void prefetch_quarter(const std::byte* block, unsigned quarter) {
  constexpr std::size_t lines = (bytes / 4 + 63) / 64;
#pragma GCC unroll 16
  for (std::size_t line = 0; line < lines; ++line)
    _mm_prefetch(reinterpret_cast<const char*>(block) + prefetch_distance + bytes / 4 * quarter + 64 * line,
                 _MM_HINT_T0);
}

template <unsigned Q>
struct Lanes {
  static constexpr unsigned pieces = (Q + 1) / 2;
  Vector piece[pieces]; // bits 64 n … 64 n + 63 of the lanes' streams

  // Lanes 8 ring … 8 ring + 7 of a block.
  inline __attribute__((always_inline)) Lanes(const std::byte* block, unsigned ring) {
    constexpr unsigned fours = Q / 4, rest = Q % 4;
    const std::byte* lanes = block + std::size_t(128) * ring;
#pragma GCC unroll 8
    for (unsigned n = 0; n < fours; ++n) {
      const Vector low = load(lanes + std::size_t(512) * n), high = load(lanes + std::size_t(512) * n + 64);
      piece[2 * n] = _mm512_unpacklo_epi64(low, high);
      piece[2 * n + 1] = _mm512_unpackhi_epi64(low, high);
    }
    const std::byte* words = block + std::size_t(512) * fours + std::size_t(32) * ring;
    const auto word = [&](unsigned n) {
      return _mm512_castsi256_si512(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + std::size_t(128) * n)));
    };
    const Vector order = load(&spread);
    if constexpr (rest >= 2) piece[2 * fours] = _mm512_permutex2var_epi32(word(0), order, word(1));
    if constexpr (rest % 2 == 1)
      piece[pieces - 1] = _mm512_maskz_permutexvar_epi32(0x5555, order, word(rest - 1));
  }

  // 64 bits of each lane from `bit` on (zeros beyond the last piece).
  template <unsigned bit>
  inline __attribute__((always_inline)) Vector from() const {
    constexpr unsigned n = bit / 64, shift = bit % 64;
    if constexpr (shift == 0)
      return piece[n];
    else if constexpr (n + 1 < pieces)
      return _mm512_shrdi_epi64(piece[n], piece[n + 1], shift);
    else
      return _mm512_srli_epi64(piece[n], shift);
  }
};

// Products of windows j and j + 1 (j even) of part `p`, each four bytes.
template <unsigned Q, unsigned p, unsigned j>
inline __attribute__((always_inline)) Vector products(const Lanes<Q>& lanes, Vector tail) {
  constexpr unsigned begin = 8 * Q * p, end = begin + 8 * Q;
  constexpr unsigned first = begin + j * Q / 4, second = begin + (j + 1) * Q / 4;
  constexpr bool in_tail = second + 16 > end, in_piece = first / 64 == (second + 15) / 64;
  constexpr unsigned base = in_tail ? end - 32 : in_piece ? first / 64 * 64 : first / 64 * 64 + 32;
  constexpr unsigned a = first - base, b = second - base;
  static_assert(first >= base && b + 16 <= 64);
  constexpr auto shifts = std::int64_t(a | (a + 8) << 8) | std::int64_t(b | (b + 8) << 8) << 32;
  Vector source;
  if constexpr (in_tail)
    source = tail;
  else
    source = lanes.template from<base>();
  const Vector windows =
      _mm512_maskz_multishift_epi64_epi8(0x3333'3333'3333'3333, _mm512_set1_epi64(shifts), source);
  return _mm512_mullo_epi32(windows, _mm512_set1_epi32(int(trellis::multiplier)));
}

template <unsigned Q, unsigned p>
inline __attribute__((always_inline)) Vector tail_of(const Lanes<Q>& lanes) {
  return _mm512_permutex2var_epi32(lanes.template from<8 * Q*(p + 1) - 32>(), load(&follow),
                                   lanes.template from<8 * Q * p>());
}

// use(number of the pair's activations within 16 columns, row group h, products) for the 16 pairs of a part.
template <unsigned Q, unsigned p, class Use, std::size_t... pair>
inline __attribute__((always_inline)) void for_part(const Lanes<Q>& lanes, const Use& use,
                                                    std::index_sequence<pair...>) {
  const Vector tail = tail_of<Q, p>(lanes);
  (use(p, unsigned(pair) % 4, unsigned(pair) / 4, products<Q, p, 2 * unsigned(pair)>(lanes, tail)), ...);
}

template <unsigned Q, class Use>
inline __attribute__((always_inline)) void for_pairs(const Lanes<Q>& lanes, const Use& use) {
  constexpr auto pairs = std::make_index_sequence<lane_weights / 2>();
  for_part<Q, 0>(lanes, use, pairs);
  for_part<Q, 1>(lanes, use, pairs);
  for_part<Q, 2>(lanes, use, pairs);
  for_part<Q, 3>(lanes, use, pairs);
}

// The sum of a vector's 128-bit parts: rows 2 i, 2 i + 8, 2 i + 1, 2 i + 9 of ring i.
inline __m128i sum_parts(Vector v) {
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

template <unsigned T>
void store_sums(const Vector (&sums)[part_rings][T][4], TrellisSums to) {
  for (unsigned t = 0; t < T; ++t)
    for (unsigned ring = 0; ring < part_rings; ++ring)
      for (unsigned h = 0; h < 4; ++h) {
        alignas(16) std::int32_t rows[4];
        _mm_store_si128(reinterpret_cast<__m128i*>(rows), sum_parts(sums[ring][t][h]));
        std::int32_t* at = to[t] + 16 * h + 2 * ring;
        at[0] = rows[0];
        at[8] = rows[1];
        at[1] = rows[2];
        at[9] = rows[3];
      }
}

template <unsigned Q, unsigned T>
void dot_run(const TrellisRun& run, const std::int8_t* const* inputs, TrellisSums to) {
  Vector sums[part_rings][T][4];
  for (auto& ring : sums)
    for (auto& input : ring)
      for (Vector& sum : input) sum = _mm512_setzero_si512();
  const std::byte* codes = run.codes;
  std::size_t at = run.first_column * trellis_copies;
  for (std::size_t block = 0; block < run.blocks; ++block) {
    for (unsigned ring = 0; ring < part_rings; ++ring) {
      const Lanes<Q> lanes(codes, ring);
      prefetch_quarter<trellis::block_bytes(Q)>(codes, ring);
      Vector of_ring[T][4];
#pragma GCC unroll 4
      for (unsigned t = 0; t < T; ++t)
#pragma GCC unroll 4
        for (unsigned h = 0; h < 4; ++h) of_ring[t][h] = sums[ring][t][h];
      for_pairs<Q>(
          lanes, [&](unsigned part, unsigned four, unsigned h, Vector bytes) __attribute__((always_inline)) {
#pragma GCC unroll 4
            for (unsigned t = 0; t < T; ++t)
              of_ring[t][h] =
                  _mm512_dpbusd_epi32(of_ring[t][h], bytes, load(inputs[t] + at + 64 * (4 * part + four)));
          });
#pragma GCC unroll 4
      for (unsigned t = 0; t < T; ++t)
#pragma GCC unroll 4
        for (unsigned h = 0; h < 4; ++h) sums[ring][t][h] = of_ring[t][h];
    }
    codes += trellis::block_bytes(Q);
    at += block_columns * trellis_copies;
  }
  store_sums(sums, to);
}

// Pair by pair of windows: bytes become their sums less 510; a vector of columns c … c + 3 and one of columns
// c + 4 … are joined to dwords.
template <unsigned Q>
void panel_run(const TrellisRun& run, std::int16_t* panel) {
  const Vector ones = _mm512_set1_epi8(1), less = _mm512_set1_epi32(-trellis::offset);
  const std::byte* codes = run.codes;
  for (std::size_t block = 0; block < run.blocks; ++block) {
    for (unsigned ring = 0; ring < part_rings; ++ring) {
      const Lanes<Q> lanes(codes, ring);
      Vector even = less;
      for_pairs<Q>(
          lanes, [&](unsigned part, unsigned four, unsigned h, Vector bytes) __attribute__((always_inline)) {
            const Vector values = _mm512_dpbusd_epi32(less, bytes, ones);
            if (four % 2 == 0) {
              even = values;
              return;
            }
            const Vector joined = _mm512_mask_blend_epi16(0xAAAAAAAA, even, _mm512_slli_epi32(values, 16));
            std::int16_t* to = panel + std::size_t(part * 8 + four / 2 * 4) * 128 + 2 * (16 * h + 4 * ring);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(joined));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 128), _mm512_extracti32x4_epi32(joined, 1));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 256), _mm512_extracti32x4_epi32(joined, 2));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 384), _mm512_extracti32x4_epi32(joined, 3));
          });
    }
    codes += trellis::block_bytes(Q);
    panel += std::size_t(trellis::panel_rows) * block_columns;
  }
}

using DotRun = void (*)(const TrellisRun&, const std::int8_t* const*, TrellisSums);
using PanelRun = void (*)(const TrellisRun&, std::int16_t*);
constexpr unsigned rates = trellis::max_quarters - trellis::min_quarters + 1;

template <unsigned T, std::size_t... rate>
constexpr std::array<DotRun, rates> dot_runs(std::index_sequence<rate...>) {
  return {dot_run<trellis::min_quarters + unsigned(rate), T>...};
}
template <std::size_t... rate>
constexpr std::array<PanelRun, rates> panel_runs(std::index_sequence<rate...>) {
  return {panel_run<trellis::min_quarters + unsigned(rate)>...};
}

} // namespace

void trellis_dot(const TrellisRun& run, const std::int8_t* const* inputs, std::size_t count,
                 TrellisSums sums) {
  constexpr auto all = std::make_index_sequence<rates>();
  static constexpr auto one = dot_runs<1>(all), two = dot_runs<2>(all), four = dot_runs<4>(all);
  const unsigned rate = run.quarters - trellis::min_quarters;
  if (count == 4) return four[rate](run, inputs, sums);
  if (count >= 2) two[rate](run, inputs, sums);
  if (count % 2 == 1) one[rate](run, inputs + count - 1, sums + count - 1);
}

void trellis_panel(const TrellisRun& run, std::int16_t* panel) {
  static constexpr auto all = panel_runs(std::make_index_sequence<rates>());
  all[run.quarters - trellis::min_quarters](run, panel);
}

} // namespace intarsia::cpu_kernels::vnni
#pragma GCC pop_options
#endif

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/row_vnni.h"

#include "core/runtime/cpu_kernels/cpu_features.h"

#if INTARSIA_HAVE_VNNI_CODE
#include <algorithm>
#include <immintrin.h>

// Codes of `width` bits are cut out of a row by a byte shuffle, which brings each group's bytes into a 64-bit
// slot, and vpmultishiftqb, which shifts every byte of a slot by a count of its own. Bits above a code's are
// left: byte tables repeat their entries, so that these bits do not matter.

// GCC 12 takes its own _mm512_undefined_epi32() for a use of an uninitialised variable.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2")

namespace intarsia::cpu_kernels::vnni {
namespace {

using Vector = __m512i;
constexpr std::size_t rows_together = 4;

Vector load(const void* from) { return _mm512_load_si512(from); }

// The first `bytes` bytes, at most 64; no others are touched.
Vector load_part(const std::byte* from, std::size_t bytes) {
  const __mmask64 mask = bytes >= 64 ? ~0ull : (1ull << bytes) - 1;
  return _mm512_maskz_loadu_epi8(mask, from);
}

// Asks for what is needed soon: the same place of the tile's next rows where rows are short, and further on
// in the same row where they are long.
void prefetch(const std::byte* at, std::size_t tile_bytes) {
  _mm_prefetch(reinterpret_cast<const char*>(at) + std::min<std::size_t>(tile_bytes, 2048), _MM_HINT_T0);
}

struct Cut { // one 64-bit slot of eight
  alignas(64) std::uint8_t bytes[64], shifts[64];
};

// Eight codes a slot.
Cut cut_bytes(unsigned width) {
  Cut cut;
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned slot = i / 8, byte = i % 8;
    cut.bytes[i] = std::uint8_t(std::min(slot * width + byte, 63u));
    cut.shifts[i] = std::uint8_t(byte * width);
  }
  return cut;
}

// Two codes a slot, 32 bits each.
Cut cut_dwords(unsigned width) {
  Cut cut;
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned slot = i / 8, byte = i % 8, first = 2 * slot * width;
    cut.bytes[i] = std::uint8_t(std::min(first / 8 + byte, 63u));
    cut.shifts[i] = std::uint8_t((first % 8 + byte / 4 * width + byte % 4 * 8) % 64);
  }
  return cut;
}

// Where a table has several vectors of 64 entries: which of them each index is in. Made once for all tables
// that an index is looked up in; merging lookups of one vector each takes less of the shuffle port than
// vpermi2b.
template <unsigned vectors>
struct TableParts {
  __mmask64 of[vectors];
  explicit TableParts(Vector index) {
    if constexpr (vectors == 1) return;
    const __mmask64 bit6 = _mm512_movepi8_mask(_mm512_add_epi8(index, index));
    of[vectors == 2 ? 1 : 0] = bit6;
    if constexpr (vectors == 4) {
      const __mmask64 bit7 = _mm512_movepi8_mask(index);
      of[1] = _kandn_mask64(bit7, bit6);
      of[2] = _kandn_mask64(bit6, bit7);
      of[3] = _kand_mask64(bit7, bit6);
    }
  }
};

// Byte tables of 64, 128 or 256 entries.
template <unsigned vectors>
struct ByteLookup {
  Vector table[vectors];
  explicit ByteLookup(const std::uint8_t* entries) {
    for (unsigned i = 0; i < vectors; ++i) table[i] = load(entries + 64 * i);
  }
  Vector operator()(Vector index, const TableParts<vectors>& parts) const {
    Vector found = _mm512_permutexvar_epi8(index, table[0]);
    for (unsigned i = 1; i < vectors; ++i)
      found = _mm512_mask_permutexvar_epi8(found, parts.of[i], index, table[i]);
    return found;
  }
};

template <unsigned vectors, std::size_t R>
void scalar_tile(const ScalarTable& table, const Cut& cut, const std::byte* codes, std::size_t row_bytes,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  const ByteLookup<vectors> low(table.low), high(table.high);
  const Vector bytes = load(cut.bytes), shifts = load(cut.shifts);
  Vector lows[R], highs[R];
  for (std::size_t r = 0; r < R; ++r) lows[r] = highs[r] = _mm512_setzero_si512();
  std::size_t at = 0;
  for (std::size_t column = 0; column < columns; column += 64, at += 8 * table.width) {
    const Vector activations = _mm512_loadu_si512(x + column);
    const std::size_t left = std::min<std::size_t>(8 * table.width, row_bytes - at);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) {
      const std::byte* from = codes + r * row_bytes + at;
      prefetch(from, R * row_bytes);
      const Vector raw = load_part(from, left);
      const Vector index = _mm512_multishift_epi64_epi8(shifts, _mm512_permutexvar_epi8(bytes, raw));
      const TableParts<vectors> parts(index);
      lows[r] = _mm512_dpbusd_epi32(lows[r], low(index, parts), activations);
      highs[r] = _mm512_dpbusd_epi32(highs[r], high(index, parts), activations);
    }
  }
  for (std::size_t r = 0; r < R; ++r)
    sums[r] = 256 * std::int64_t(_mm512_reduce_add_epi32(highs[r])) + _mm512_reduce_add_epi32(lows[r]);
}

template <unsigned vectors>
void scalar_rows_of(const ScalarTable& table, const std::byte* codes, std::size_t row_bytes,
                    std::size_t count, std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  const Cut cut = cut_bytes(table.width);
  std::size_t r = 0;
  for (; r + rows_together <= count; r += rows_together)
    scalar_tile<vectors, rows_together>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
  for (; r < count; ++r)
    scalar_tile<vectors, 1>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
}

template <unsigned vectors, std::size_t R>
void short_pair_tile(const ShortPairTable& table, const Cut& cut, const std::byte* codes,
                     std::size_t row_bytes, std::size_t pairs, const std::int8_t* even,
                     const std::int8_t* odd, std::int64_t* sums) {
  const ByteLookup<vectors> first(table.first_low), second(table.second_low), high(table.high);
  const Vector bytes = load(cut.bytes), shifts = load(cut.shifts), nibble = _mm512_set1_epi8(15);
  Vector lows[R], highs[R];
  for (std::size_t r = 0; r < R; ++r) lows[r] = highs[r] = _mm512_setzero_si512();
  std::size_t at = 0;
  for (std::size_t pair = 0; pair < pairs; pair += 64, at += 8 * table.width) {
    const Vector evens = _mm512_loadu_si512(even + pair), odds = _mm512_loadu_si512(odd + pair);
    const std::size_t left = std::min<std::size_t>(8 * table.width, row_bytes - at);
#pragma GCC unroll 2
    for (std::size_t r = 0; r < R; ++r) {
      const std::byte* from = codes + r * row_bytes + at;
      prefetch(from, R * row_bytes);
      Vector index = load_part(from, left);
      if constexpr (vectors < 4) // whole bytes are their own codes
        index = _mm512_multishift_epi64_epi8(shifts, _mm512_permutexvar_epi8(bytes, index));
      const TableParts<vectors> parts(index);
      lows[r] = _mm512_dpbusd_epi32(lows[r], first(index, parts), evens);
      lows[r] = _mm512_dpbusd_epi32(lows[r], second(index, parts), odds);
      const Vector both = high(index, parts);
      highs[r] = _mm512_dpbusd_epi32(highs[r], _mm512_and_si512(both, nibble), evens);
      highs[r] = _mm512_dpbusd_epi32(highs[r], _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble), odds);
    }
  }
  for (std::size_t r = 0; r < R; ++r)
    sums[r] = 256 * std::int64_t(_mm512_reduce_add_epi32(highs[r])) + _mm512_reduce_add_epi32(lows[r]);
}

template <unsigned vectors>
void short_pair_rows_of(const ShortPairTable& table, const std::byte* codes, std::size_t row_bytes,
                        std::size_t count, std::size_t pairs, const std::int8_t* even, const std::int8_t* odd,
                        std::int64_t* sums) {
  constexpr std::size_t together = 2; // three tables of four vectors leave no registers for more
  const Cut cut = cut_bytes(table.width);
  std::size_t r = 0;
  for (; r + together <= count; r += together)
    short_pair_tile<vectors, together>(table, cut, codes + r * row_bytes, row_bytes, pairs, even, odd,
                                       sums + r);
  for (; r < count; ++r)
    short_pair_tile<vectors, 1>(table, cut, codes + r * row_bytes, row_bytes, pairs, even, odd, sums + r);
}

template <std::size_t R>
void pair_tile(const PairTable& table, const Cut& cut, const std::byte* codes, std::size_t row_bytes,
               std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  const Vector bytes = load(cut.bytes), shifts = load(cut.shifts);
  const Vector mask = _mm512_set1_epi32(int(1u << table.width) - 1);
  Vector totals[R];
  for (std::size_t r = 0; r < R; ++r) totals[r] = _mm512_setzero_si512();
  std::size_t at = 0;
  for (std::size_t column = 0; column < columns; column += 32, at += 2 * table.width) { // 16 codes
    const Vector activations =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + column)));
    const std::size_t left = std::min<std::size_t>(2 * table.width, row_bytes - at);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) {
      const std::byte* from = codes + r * row_bytes + at;
      prefetch(from, R * row_bytes);
      const Vector raw = load_part(from, left);
      const Vector index =
          _mm512_and_si512(_mm512_multishift_epi64_epi8(shifts, _mm512_permutexvar_epi8(bytes, raw)), mask);
      totals[r] =
          _mm512_dpwssd_epi32(totals[r], _mm512_i32gather_epi32(index, table.pairs.data(), 4), activations);
    }
  }
  for (std::size_t r = 0; r < R; ++r) sums[r] = _mm512_reduce_add_epi32(totals[r]);
}

template <std::size_t R>
void byte_tile(const std::uint8_t* weights, std::size_t row_bytes, std::size_t columns, const std::int8_t* x,
               std::int64_t* sums) {
  Vector totals[R];
  for (std::size_t r = 0; r < R; ++r) totals[r] = _mm512_setzero_si512();
  for (std::size_t column = 0; column < columns; column += 64) {
    const Vector activations = _mm512_loadu_si512(x + column);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) {
      const std::uint8_t* from = weights + r * row_bytes + column;
      prefetch(reinterpret_cast<const std::byte*>(from), R * row_bytes);
      totals[r] = _mm512_dpbusd_epi32(totals[r], _mm512_loadu_si512(from), activations);
    }
  }
  for (std::size_t r = 0; r < R; ++r) sums[r] = _mm512_reduce_add_epi32(totals[r]);
}

} // namespace

void byte_rows(const std::uint8_t* weights, std::size_t row_bytes, std::size_t count, std::size_t columns,
               const std::int8_t* x, std::int64_t* sums) {
  std::size_t r = 0;
  for (; r + rows_together <= count; r += rows_together)
    byte_tile<rows_together>(weights + r * row_bytes, row_bytes, columns, x, sums + r);
  for (; r < count; ++r) byte_tile<1>(weights + r * row_bytes, row_bytes, columns, x, sums + r);
}

void scalar_rows(const ScalarTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  if (table.width <= 6) return scalar_rows_of<1>(table, codes, row_bytes, count, columns, x, sums);
  if (table.width == 7) return scalar_rows_of<2>(table, codes, row_bytes, count, columns, x, sums);
  scalar_rows_of<4>(table, codes, row_bytes, count, columns, x, sums);
}

void short_pair_rows(const ShortPairTable& table, const std::byte* codes, std::size_t row_bytes,
                     std::size_t count, std::size_t pairs, const std::int8_t* even, const std::int8_t* odd,
                     std::int64_t* sums) {
  if (table.width <= 6) return short_pair_rows_of<1>(table, codes, row_bytes, count, pairs, even, odd, sums);
  if (table.width == 7) return short_pair_rows_of<2>(table, codes, row_bytes, count, pairs, even, odd, sums);
  short_pair_rows_of<4>(table, codes, row_bytes, count, pairs, even, odd, sums);
}

void split_pairs(const std::int8_t* x, std::size_t columns, std::int8_t* even, std::int8_t* odd) {
  for (std::size_t column = 0; column < columns; column += 128, even += 64, odd += 64) {
    const Vector first = _mm512_loadu_si512(x + column);
    const Vector second =
        column + 64 < columns ? _mm512_loadu_si512(x + column + 64) : _mm512_setzero_si512();
    const auto store = [](std::int8_t* to, Vector low, Vector high) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi16_epi8(low));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), _mm512_cvtepi16_epi8(high));
    };
    store(even, first, second);
    store(odd, _mm512_srli_epi16(first, 8), _mm512_srli_epi16(second, 8));
  }
}

void pair_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
               std::size_t columns, const std::int8_t* x, std::int64_t* sums) {
  const Cut cut = cut_dwords(table.width);
  std::size_t r = 0;
  for (; r + rows_together <= count; r += rows_together)
    pair_tile<rows_together>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
  for (; r < count; ++r) pair_tile<1>(table, cut, codes + r * row_bytes, row_bytes, columns, x, sums + r);
}

} // namespace intarsia::cpu_kernels::vnni
#pragma GCC pop_options
#endif

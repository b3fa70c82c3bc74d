// SPDX-License-Identifier: GPL-3.0-or-later
// From the codes of a tile (cuda/linear_layout.h) to the eight weights of a lane, at rates known at run time.
//
// A lane's codes are at most 64 bits that begin at bit 2 q lane. LaneCodes finds `lower`, the 32 bits from
// there, and `upper`, those from the middle on, 4 weights or q bits later; a decoder makes the weights of
// both from tables in shared memory. A table is repeated, so that the lanes of a warp, which look up 32
// different codes, meet in few banks: of 32 random words in 32 banks 3.5 would fall on the fullest.
#pragma once

#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "cuda/kernels/element.cuh"

namespace intarsia::kernels {

using Byte = unsigned char;

// The words of a tile that lane `lane` reads, as offsets in bytes; the stream is circular.
struct LaneCodes {
  unsigned offset[3], shift, quarters;

  INTARSIA_DEVICE void set(unsigned q, unsigned lane) {
    const unsigned words = 2 * q, first = 2 * q * lane;
    quarters = q;
    shift = first % 32;
    INTARSIA_UNROLL
    for (unsigned i = 0; i < 3; ++i) {
      const unsigned word = first / 32 + i;
      offset[i] = simt::opaque(4 * (word < words ? word : word - words));
    }
  }
  INTARSIA_DEVICE void read(const Byte* tile, std::uint32_t& lower, std::uint32_t& upper) const {
    std::uint32_t word[3];
    INTARSIA_UNROLL
    for (unsigned i = 0; i < 3; ++i) word[i] = *reinterpret_cast<const std::uint32_t*>(tile + offset[i]);
    lower = simt::funnel_shift_right(word[0], word[1], shift);
    const std::uint32_t next = simt::funnel_shift_right(word[1], word[2], shift);
    upper = quarters < 32 ? simt::funnel_shift_right(lower, next, quarters) : next;
  }
};

// The decoders. Each has
//   table_bytes(quarters), and fill(table, codebook, quarters), by all threads and without a barrier;
//   set(table, lane, quarters); and
//   weights(lower, upper, a): the fragment, or values(lower, upper, v): the same eight unrounded.

// TCQ. The values of the curve's upper half, 1024 of them, each 32 times in a row: lanes 2 i and 2 i + 1
// share a word. Computing the curve instead would take half as many instructions more, and look up its piece
// all the same. The hash comes out doubled, so that its bits are the address already.
struct TrellisDecoder {
  const Byte* table;
  unsigned place;                // of this lane's copies
  unsigned first, second, third; // bits from a weight to those after it

  static constexpr std::size_t table_bytes(int) { return 1024 * 32 * sizeof(Half); }
  INTARSIA_DEVICE static void fill(Byte* table, const float* codebook, int) {
    auto* to = reinterpret_cast<simt::uint4*>(table);
    for (unsigned i = simt::thread_index().x; i < 4096; i += simt::block_dim().x) {
      const std::uint16_t value = simt::float_to_half(codebook[i / 4]);
      const unsigned pair = simt::pack(value, value).bits;
      to[i] = {pair, pair, pair, pair};
    }
  }
  INTARSIA_DEVICE void set(const Byte* shared, unsigned lane, unsigned quarters) {
    table = shared;
    place = simt::opaque(2 * lane);
    first = simt::opaque(quarters / 4);
    second = simt::opaque(quarters / 2);
    third = simt::opaque(3 * quarters / 4);
  }
  // Twice the hash of the state in the lower 16 bits; above lies what does not matter.
  INTARSIA_DEVICE static std::uint32_t doubled_hash(std::uint32_t state) {
    return state * (state * (2 * trellis::hash_square) + 2 * trellis::hash_linear);
  }
  INTARSIA_DEVICE std::uint32_t pair(std::uint32_t state, std::uint32_t next) const {
    const std::uint32_t u = doubled_hash(state), v = doubled_hash(next);
    const std::uint16_t low = *reinterpret_cast<const Half*>(table + ((u & 0xFFC0u) | place));
    const std::uint16_t high = *reinterpret_cast<const Half*>(table + ((v & 0xFFC0u) | place));
    const std::uint32_t signs = simt::byte_permute(u, v, 0x6020) << 7; // bit 16 of each to bits 15 and 31
    return simt::pack(low, high).bits ^ (signs & 0x80008000u);
  }
  INTARSIA_DEVICE void weights(std::uint32_t lower, std::uint32_t upper, std::uint32_t (&a)[4]) const {
    a[0] = pair(lower, lower >> first);
    a[1] = pair(lower >> second, lower >> third);
    a[2] = pair(upper, upper >> first);
    a[3] = pair(upper >> second, upper >> third);
  }
  INTARSIA_DEVICE void values(std::uint32_t lower, std::uint32_t upper, float (&v)[8]) const {
    std::uint32_t a[4];
    weights(lower, upper, a);
    INTARSIA_UNROLL
    for (int i = 0; i < 8; ++i) // core has no -0
      v[i] = (i % 2 ? simt::high({a[i / 2]}) : simt::low({a[i / 2]})) + 0.f;
  }
};

// Pairs: VQ's codes, or two of NUQ's up to 6 bits as one.
template <bool scalar_codebook>
struct PairDecoder {
  const Byte* table;
  unsigned place;              // of this lane's copies
  unsigned width, shift, mask; // of a pair's code in bits; log2 of an entry's bytes; of the address

  static constexpr std::size_t table_bytes(int quarters) {
    return quarters <= 16 ? 128u << (quarters / 2) : 32768u;
  }
  // log2 of how often an entry is repeated: once a lane where that takes 32 KB at most.
  INTARSIA_DEVICE static unsigned copies_of(unsigned log_entries) {
    return log_entries <= 8 ? 5 : 13 - log_entries;
  }
  INTARSIA_DEVICE static void fill(Byte* table, const float* codebook, int quarters) {
    auto* to = reinterpret_cast<simt::Half2*>(table);
    const unsigned entries = unsigned(quarters) / 2, copies = copies_of(entries), bits = entries / 2;
    for (unsigned i = simt::thread_index().x; i < 1u << (entries + copies); i += simt::block_dim().x) {
      const unsigned code = i >> copies;
      to[i] = scalar_codebook ? simt::make_half2(codebook[code & ((1u << bits) - 1)], codebook[code >> bits])
                              : simt::make_half2(codebook[2 * code], codebook[2 * code + 1]);
    }
  }
  INTARSIA_DEVICE void set(const Byte* shared, unsigned lane, unsigned quarters) {
    width = quarters / 2;
    const unsigned copies = copies_of(width);
    shift = copies + 2;
    mask = ((1u << width) - 1) << shift;
    table = shared;
    place = simt::opaque(4 * (lane & ((1u << copies) - 1)));
  }
  INTARSIA_DEVICE std::uint32_t pair(std::uint32_t placed_code) const {
    return *reinterpret_cast<const std::uint32_t*>(table + ((placed_code & mask) | place));
  }
  // Two codes and the address's shift are 31 bits at most.
  INTARSIA_DEVICE void weights(std::uint32_t lower, std::uint32_t upper, std::uint32_t (&a)[4]) const {
    lower <<= shift;
    upper <<= shift;
    a[0] = pair(lower);
    a[1] = pair(lower >> width);
    a[2] = pair(upper);
    a[3] = pair(upper >> width);
  }
  INTARSIA_DEVICE void values(std::uint32_t lower, std::uint32_t upper, float (&v)[8]) const {
    std::uint32_t a[4];
    weights(lower, upper, a);
    INTARSIA_UNROLL
    for (int i = 0; i < 8; ++i) v[i] = i % 2 ? simt::high({a[i / 2]}) : simt::low({a[i / 2]});
  }
};

// NUQ one by one: 7 and 8 bits, and all rates where the levels must not be rounded to binary16.
struct LevelDecoder {
  const Byte* table;
  unsigned place, width; // of this lane's copies; of a code in bits

  static constexpr std::size_t table_bytes(int quarters) { return (sizeof(float) * 32) << (quarters / 4); }
  INTARSIA_DEVICE static void fill(Byte* table, const float* codebook, int quarters) {
    auto* to = reinterpret_cast<float*>(table);
    for (unsigned i = simt::thread_index().x; i < 32u << (quarters / 4); i += simt::block_dim().x)
      to[i] = codebook[i / 32];
  }
  INTARSIA_DEVICE void set(const Byte* shared, unsigned lane, unsigned quarters) {
    table = shared;
    place = simt::opaque(4 * lane);
    width = quarters / 4;
  }
  INTARSIA_DEVICE void values(std::uint32_t lower, std::uint32_t upper, float (&v)[8]) const {
    const unsigned mask = (1u << width) - 1;
    INTARSIA_UNROLL
    for (unsigned i = 0; i < 8; ++i) {
      const unsigned code = ((i < 4 ? lower : upper) >> (i % 4 * width)) & mask;
      v[i] = *reinterpret_cast<const float*>(table + (128 * code | place));
    }
  }
  INTARSIA_DEVICE void weights(std::uint32_t lower, std::uint32_t upper, std::uint32_t (&a)[4]) const {
    float v[8];
    values(lower, upper, v);
    INTARSIA_UNROLL
    for (int i = 0; i < 4; ++i) a[i] = simt::make_half2(v[2 * i], v[2 * i + 1]).bits;
  }
};

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// From the codes of a tile (cuda/launch/linear_layout.h) to the eight weights of a lane, at rates known at
// run time.
//
// A lane's codes are at most 64 bits that begin at bit 2 q lane. LaneCodes finds `lower`, the 32 bits from
// there, and `upper`, those from the middle on, 4 weights or q bits later; a decoder makes the weights of
// both from tables in shared memory. A table is repeated, so that the lanes of a warp, which look up 32
// different codes, meet in few banks: of 32 random words in 32 banks 3.5 would fall on the fullest.
#pragma once

#include "cuda/kernels/linear_group.cuh"

namespace intarsia::kernels {

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

// Pairs: VQ's codes, or two of NUQ's up to 4 bits as one.
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

// NUQ one by one: 5 bits and more, whose pairs would meet in the banks, and all rates where the levels must
// not be rounded to binary16.
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

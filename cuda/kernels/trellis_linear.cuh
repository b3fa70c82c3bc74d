// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// y = W~ x~ for a batch of few rows, from the codes of TCQ, without a table: the product of a window and the
// code's multiplier is four bytes of an A register of mma.m16n8k32, B is the activation's byte four times
// over (core/memory/cuda/int8_rows.h), and sums are exact in int32.
//
// A block of threads computes a panel of 64 rows over a slice of the columns. Its warps take every other step
// of 64 columns: codes stream from memory into registers, a step ahead; activations lie in shared memory, a
// chunk of steps at a time. Slices of a panel meet in int32 atomics, which makes the sum the same in any
// order; the last slice to arrive scales it, writes y and leaves zeros for the next launch.
//
// Sums are modulo 2^32 until the code's offset has been taken off: |value| <= 510 and |q| <= 127, so that a
// sum over 33,152 columns fits. Wider inputs, and Half-TCQ's two rates, are launches one after the other that
// add to y.
//
// Instructions a weight of the loop: resources/help/gpu-kernels.md.
#pragma once

#include "core/memory/cuda/int8_rows.h"
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/linear_group.cuh"
#include "cuda/kernels/reduce.cuh"
#include "cuda/kernels/trellis_words.cuh"

namespace intarsia::kernels {

using cuda::Int8Rows;

inline constexpr int panel_rows = int(trellis::panel_rows);
inline constexpr int max_trellis_steps = 33152 / int(trellis::block_columns); // of one launch

struct TrellisGroup {
  LinearMember members[max_members]; // end: panels
  Int8Rows x;                        // [batch]
  int batch;
  std::size_t panel_words, first_word; // of a panel, and where this launch's steps begin in it
  int first_step, steps;               // of this launch
  int slice_steps, slices;             // a slice's; grid.y
  int chunk_steps;                     // a multiple of the block's warps
  float unit;                          // trellis::scale()
  bool add;                            // to y
  int* sums;                           // [panels, batch x terms, 64]: zeros, where there are slices
  unsigned* arrived;                   // [panels]: zeros
};

// --- activations

// How the bytes lie in shared memory. Up to eight columns of a product: repeated, 16 bytes a lane and 16
// columns of x; more: as they are, repeated when they are used.
template <int eights>
struct ByteColumns {
  static constexpr bool repeated = eights == 1;
  static constexpr int bytes_a_piece = repeated ? 64 : 16; // of one row of x and 16 columns

  // The four words of 16 columns, byte i of word c being column c + 4 i.
  INTARSIA_DEVICE static void store(simt::uint4* to, const simt::uint4& words) {
    if constexpr (!repeated) {
      *to = words;
    } else {
      const std::uint32_t four[4] = {words.x, words.y, words.z, words.w};
      INTARSIA_UNROLL
      for (int c = 0; c < 4; ++c) to[c] = spread(four[c]);
    }
  }
  INTARSIA_DEVICE static simt::uint4 spread(std::uint32_t word) {
    return {simt::byte_permute(word, 0, 0x0000), simt::byte_permute(word, 0, 0x1111),
            simt::byte_permute(word, 0, 0x2222), simt::byte_permute(word, 0, 0x3333)};
  }

  int place[eights], pitch; // in uint4 where repeated, else in words; pitch: of 16 columns

  INTARSIA_DEVICE ByteColumns(int columns, int lane) {
    INTARSIA_UNROLL
    for (int i = 0; i < eights; ++i) {
      const int n = 8 * i + lane / 4;
      place[i] = 4 * (n < columns ? n : columns - 1) + lane % 4; // a column behind the last is not stored
    }
    pitch = 4 * columns;
  }
  // B of two products, 8 columns of x each.
  INTARSIA_DEVICE simt::uint4 read(const simt::uint4* x, int sixteen, int eight) const {
    if constexpr (repeated) return x[sixteen * pitch + place[eight]];
    return spread(reinterpret_cast<const std::uint32_t*>(x)[sixteen * pitch + place[eight]]);
  }
};

// Steps of a chunk as far as 32 KB go, so that three blocks share a multiprocessor; whole rounds of warps.
template <int eights>
constexpr int trellis_chunk_steps(int columns, int warps) {
  const int fit = 32 * 1024 / (4 * ByteColumns<eights>::bytes_a_piece * columns);
  return fit < warps ? warps : fit / warps * warps;
}

// --- sums

// Between two columns of the product: the lanes of a fragment fall on 32 banks.
inline constexpr int trellis_sums_pitch = panel_rows + 4;

// Of a block: sums, then the offset of each column, then whether it is the last of the panel.
constexpr std::size_t trellis_sums_bytes(int columns) {
  return sizeof(int) * std::size_t(columns * (trellis_sums_pitch + 1) + 1);
}
template <int eights>
constexpr std::size_t trellis_shared_bytes(int columns, int chunk_steps) {
  const std::size_t x =
      std::size_t(chunk_steps) * 4 * std::size_t(columns) * ByteColumns<eights>::bytes_a_piece;
  return x > trellis_sums_bytes(columns) ? x : trellis_sums_bytes(columns);
}

template <int eights>
struct TrellisSums {
  int d[eights][4][4] = {}; // of rows 16 h …

  INTARSIA_DEVICE void add_to(int* shared, int columns, int lane) const {
    INTARSIA_UNROLL
    for (int i = 0; i < eights; ++i) {
      INTARSIA_UNROLL
      for (int h = 0; h < 4; ++h) {
        INTARSIA_UNROLL
        for (int e = 0; e < 4; ++e) {
          const int n = 8 * i + lane % 4 * 2 + e % 2, row = 16 * h + lane / 4 + e / 2 * 8;
          if (n < columns) simt::atomic_add(shared + n * trellis_sums_pitch + row, d[i][h][e]);
        }
      }
    }
  }
};

// What the code's offset adds up to over a slice, of each column; warps take every other one.
INTARSIA_DEVICE void slice_offsets(const TrellisGroup& group, int first, int count, int columns,
                                   int* offsets) {
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  for (int n = simt::warp(); n < columns; n += warps) {
    const int* sums = group.x.sums + n * group.x.steps + group.first_step + first;
    int sum = 0;
    for (int i = simt::lane(); i < count; i += simt::warp_size) sum += sums[i];
    sum = warp_reduce(sum, Sum());
    if (simt::lane() == 0) offsets[n] = sum * int(trellis::offset);
  }
}

// Takes the offset off; where there are slices, adds the block's sums to the panel's, and the last block
// takes these in their place. Returns whether the sums in shared memory are the panel's now.
INTARSIA_DEVICE bool meet_slices(const TrellisGroup& group, int panel, int columns, int* shared,
                                 const int* offsets, int* flag) {
  const int thread = int(simt::thread_index().x), threads = int(simt::block_dim().x);
  int* sums = group.sums + std::size_t(panel) * std::size_t(columns * panel_rows);
  for (int i = thread; i < columns * panel_rows; i += threads) {
    int& sum = shared[i / panel_rows * trellis_sums_pitch + i % panel_rows];
    sum = int(unsigned(sum) - unsigned(offsets[i / panel_rows]));
    if (group.slices > 1) simt::atomic_add(sums + i, sum);
  }
  if (group.slices == 1) {
    simt::block_barrier();
    return true;
  }
  simt::device_fence();
  simt::block_barrier();
  if (thread == 0) *flag = simt::atomic_add(group.arrived + panel, 1u) == unsigned(group.slices) - 1;
  simt::block_barrier();
  if (!*flag) return false;
  simt::device_fence();
  if (thread == 0) group.arrived[panel] = 0;
  for (int i = thread; i < columns * panel_rows; i += threads)
    shared[i / panel_rows * trellis_sums_pitch + i % panel_rows] = simt::atomic_exchange(sums + i, 0);
  simt::block_barrier();
  return true;
}

// y from a panel's sums: terms, then the code's unit and the row's scale.
INTARSIA_DEVICE void write_panel(const TrellisGroup& group, const LinearMember& member, int first_row,
                                 const int* shared) {
  const int terms = group.x.terms;
  for (int i = int(simt::thread_index().x); i < group.batch * panel_rows; i += int(simt::block_dim().x)) {
    const int n = i / panel_rows, row = i % panel_rows;
    if (first_row + row >= member.rows) continue;
    const auto term = [&](int which) {
      return float(shared[(n * terms + which) * trellis_sums_pitch + row]) *
             group.x.scales[n * terms + which];
    };
    float sum = term(0);
    if (terms > 1) sum += term(1);
    sum *= group.unit * simt::half_to_float(member.scales[first_row + row]);
    float& y = member.y[std::size_t(n) * member.stride + std::size_t(first_row + row)];
    y = group.add ? y + sum : sum;
  }
}

// --- the product

template <int quarters, int eights>
INTARSIA_DEVICE void multiply_step(const TrellisWords<quarters>& words, const simt::uint4* x,
                                   const ByteColumns<eights>& columns, int next_lane,
                                   TrellisSums<eights>& sums) {
  INTARSIA_UNROLL
  for (int part = 0; part < 4; ++part) {
    simt::uint4 b[eights];
    INTARSIA_UNROLL
    for (int i = 0; i < eights; ++i) b[i] = columns.read(x, part, i);
    const std::uint32_t seam = words.seam(part, next_lane);
    INTARSIA_UNROLL
    for (int quad = 0; quad < 8; ++quad) {
      std::uint32_t a[4];
      INTARSIA_UNROLL
      for (int r = 0; r < 4; ++r) a[r] = trellis::state_bytes(words.state(part, 4 * quad + r, seam));
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) {
        const std::uint32_t pair[2] = {quad % 2 ? b[i].z : b[i].x, quad % 2 ? b[i].w : b[i].y};
        simt::mma_m16n8k32(sums.d[i][quad / 2], a, pair);
      }
    }
  }
}

// A chunk's bytes to shared memory: pieces of 16 columns and one row of x.
template <int eights>
INTARSIA_DEVICE void load_chunk(const Int8Rows& x, int first_step, int steps, int columns,
                                simt::uint4* shared) {
  constexpr int vectors = ByteColumns<eights>::bytes_a_piece / 16;
  const int pieces = 4 * steps;
  for (int i = int(simt::thread_index().x); i < columns * pieces; i += int(simt::block_dim().x)) {
    const int n = i / pieces, piece = i % pieces;
    const auto* from = reinterpret_cast<const simt::uint4*>(x.words) +
                       std::size_t(n) * std::size_t(4 * x.steps) + std::size_t(4 * first_step + piece);
    ByteColumns<eights>::store(shared + (piece * columns + n) * vectors, simt::load_cached(from));
  }
}

inline constexpr int trellis_threads = 256;
// Blocks that share a multiprocessor: what the sums leave of its registers.
template <int eights>
inline constexpr int trellis_blocks = eights == 1   ? 3
                                      : eights == 2 ? 2
                                                    : 1;

// grid: panels of all members, slices. trellis_shared_bytes().
template <int quarters, int eights>
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(trellis_threads, trellis_blocks<eights>)
    trellis_group(TrellisGroup group) {
  auto* x = simt::shared_memory<simt::uint4>();
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  const int warp = simt::shuffle(simt::warp(), 0); // tells the compiler that a warp has one path
  const int panel = int(simt::block_index().x), columns = group.batch * group.x.terms;
  const int first = int(simt::block_index().y) * group.slice_steps;
  const int count = group.steps - first < group.slice_steps ? group.steps - first : group.slice_steps;
  int own_panel = panel;
  const LinearMember& member = group.members[find_member(group.members, own_panel)];

  const std::uint32_t* block = reinterpret_cast<const std::uint32_t*>(member.codes) +
                               std::size_t(own_panel) * group.panel_words + group.first_word +
                               std::size_t(first + warp) * TrellisWords<quarters>::words_a_block;
  TrellisWords<quarters> words, ahead;
  if (warp < count) ahead.load(block, lane);
  const ByteColumns<eights> place(columns, lane);
  const int next_lane = next_ring_lane(lane);
  TrellisSums<eights> sums;
  for (int chunk = 0; chunk < count; chunk += group.chunk_steps) {
    const int left = count - chunk, steps = left < group.chunk_steps ? left : group.chunk_steps;
    if (chunk > 0) simt::block_barrier();
    load_chunk<eights>(group.x, group.first_step + first + chunk, steps, columns, x);
    simt::block_barrier();
    for (int step = warp; step < steps; step += warps) {
      words = ahead;
      block += warps * TrellisWords<quarters>::words_a_block;
      if (chunk + step + warps < count) ahead.load(block, lane);
      constexpr int vectors = ByteColumns<eights>::bytes_a_piece / 16;
      multiply_step(words, x + 4 * step * columns * vectors, place, next_lane, sums);
    }
  }

  auto* shared = simt::shared_memory<int>();
  int* offsets = shared + columns * trellis_sums_pitch;
  simt::block_barrier();
  for (int i = int(simt::thread_index().x); i < columns * trellis_sums_pitch; i += int(simt::block_dim().x))
    shared[i] = 0;
  simt::block_barrier();
  sums.add_to(shared, columns, lane);
  slice_offsets(group, first, count, columns, offsets);
  simt::block_barrier();
  if (meet_slices(group, panel, columns, shared, offsets, offsets + columns))
    write_panel(group, member, own_panel * panel_rows, shared);
}

} // namespace intarsia::kernels

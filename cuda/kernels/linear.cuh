// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// y = W~ x~ for a batch of few rows, from the codes: a block computes `tiles_high` rows of tiles, its warps
// take every other chunk of tiles along d_in. A warp streams its codes into a ring in shared memory
// (cp.async, so that many loads are under way without registers), decodes each lane's weights in registers,
// where they are the A fragment of mma.m16n8k16 already, and multiplies by activations that it reads through
// the cache. Warps' sums meet in shared memory, in a fixed order, and the row scales come last.
//
// Instructions a weight: resources/help/gpu-kernels.md.
#pragma once

#include "cuda/kernels/linear_codes.cuh"
#include "cuda/kernels/linear_product.cuh"

namespace intarsia::kernels {

inline constexpr int tiles_a_chunk = 4, ring_stages = 3;
inline constexpr unsigned max_chunk_bytes = 32 * 32; // at 8 bits per weight

constexpr std::size_t ring_bytes(int quarters, int tiles_high) {
  return std::size_t(ring_stages) * tiles_a_chunk * 8 * std::size_t(quarters) * std::size_t(tiles_high);
}
template <typename Decoder, int tiles_high, typename Product>
constexpr std::size_t linear_shared_bytes(int quarters, int threads) {
  const std::size_t stream = Decoder::table_bytes(quarters) +
                             std::size_t(threads / simt::warp_size) * ring_bytes(quarters, tiles_high);
  const std::size_t sums = sums_bytes<tiles_high, Product>(threads);
  return stream > sums ? stream : sums;
}

INTARSIA_DEVICE constexpr int chunk_count(const TileRow& row) {
  return (row.tiles + tiles_a_chunk - 1) / tiles_a_chunk;
}

// One warp's copies of its chunks of a row of tiles, every other chunk of as many as there are warps.
template <int tiles_high>
struct ChunkCopies {
  const Byte* from[tiles_high]; // this lane's 16 bytes of the next chunk
  Byte* to;                     // of the ring's first stage
  unsigned at, end, far_end; // of these in the row; where it ends for the lane's first piece and its second
  unsigned step, stage_bytes;

  static constexpr unsigned piece = 16 * simt::warp_size; // a chunk has two above 4 bits per weight
  INTARSIA_DEVICE void begin(const Byte* const (&rows)[tiles_high], const TileRow& row, Byte* ring, int warp,
                             int warps, unsigned stage) {
    const unsigned bytes = tiles_a_chunk * 8 * unsigned(row.quarters), mine = 16 * unsigned(simt::lane());
    at = unsigned(warp) * bytes + mine;
    step = unsigned(warps) * bytes;
    end = mine < bytes ? row.bytes : 0;
    far_end = mine + piece < bytes && row.bytes > piece ? row.bytes - piece : 0;
    INTARSIA_UNROLL
    for (int high = 0; high < tiles_high; ++high) from[high] = rows[high] + at;
    to = ring + mine;
    stage_bytes = stage;
  }
  // The next chunk, or nothing when there is none left, to the stage that begins at `stage`.
  INTARSIA_DEVICE void next(int stage) {
    INTARSIA_UNROLL
    for (int high = 0; high < tiles_high; ++high) {
      if (at < end) simt::cp_async_16(to + unsigned(stage) + unsigned(high) * stage_bytes, from[high]);
      if (at < far_end)
        simt::cp_async_16(to + unsigned(stage) + unsigned(high) * stage_bytes + piece, from[high] + piece);
      from[high] += step;
    }
    at += step;
    simt::cp_async_commit();
  }
};

// One warp's sums, and what it decodes codes with.
template <typename Decoder, int tiles_high, typename Product>
struct WarpProduct {
  Product products[tiles_high] = {};
  Decoder decoder;
  LaneCodes codes;

  INTARSIA_DEVICE void set(const Byte* table, unsigned quarters) {
    decoder.set(table, unsigned(simt::lane()), quarters);
    codes.set(quarters, unsigned(simt::lane()));
  }
  // Adds the first `count` tiles of the stage at `stage`, of each row of tiles. `whole`: all of them, and
  // their columns are within the matrix.
  template <bool whole>
  INTARSIA_DEVICE void add(const Byte* stage, unsigned stage_bytes, const typename Product::Input& input,
                           int count) {
    typename Product::Activations x[tiles_a_chunk];
    INTARSIA_UNROLL
    for (int i = 0; i < tiles_a_chunk; ++i) x[i].template read<whole>(input, whole || i < count ? i : 0);
    INTARSIA_UNROLL
    for (int i = 0; i < tiles_a_chunk; ++i)
      if (whole || i < count) {
        INTARSIA_UNROLL
        for (int high = 0; high < tiles_high; ++high) {
          std::uint32_t lower, upper, a[4];
          codes.read(stage + high * int(stage_bytes) + i * 8 * int(codes.quarters), lower, upper);
          decoder.weights(lower, upper, a);
          products[high].add(a, x[i]);
        }
      }
  }
};

// Threads a block at most, and blocks that share a multiprocessor: two of 512 leave each thread 64 registers;
// the larger products need more.
template <int tiles_high, typename Product>
inline constexpr int linear_threads = tiles_high == 1 && Product::columns == 8 ? 512 : 256;
template <int tiles_high, typename Product>
inline constexpr int linear_blocks = tiles_high == 2 && Product::columns == 8 ? 3 : 2;

// grid: each member's rows over 16 tiles_high, one after another; y: the batch over Product::columns.
// linear_shared_bytes().
template <typename Decoder, int tiles_high, typename Product>
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(linear_threads<tiles_high, Product>,
                                            linear_blocks<tiles_high, Product>)
    linear_group(LinearGroup group) {
  auto* table = simt::shared_memory<Byte>();
  const TileRow& row = group.row;
  const unsigned stage_bytes = tiles_a_chunk * 8 * unsigned(row.quarters);
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  const int warp = simt::shuffle(simt::warp(), 0); // tells the compiler that a warp has one path
  Byte* ring = table + group.table_bytes + unsigned(warp) * unsigned(ring_stages * tiles_high) * stage_bytes;

  int block = int(simt::block_index().x);
  const LinearMember& member = group.members[find_member(group.members, block)];
  const int tile_rows = (member.rows + 15) / 16;
  const Byte* rows[tiles_high]; // a tile row behind the end reads the last one, for nothing
  INTARSIA_UNROLL
  for (int high = 0; high < tiles_high; ++high) {
    const int tile_row = block * tiles_high + high;
    rows[high] =
        member.codes + std::size_t(tile_row < tile_rows ? tile_row : tile_rows - 1) * group.row.bytes;
  }
  const int stage_step = int(tiles_high * stage_bytes), stages_end = ring_stages * stage_step;
  ChunkCopies<tiles_high> copies;
  copies.begin(rows, row, ring, warp, warps, stage_bytes);
  INTARSIA_UNROLL
  for (int i = 0; i < ring_stages - 1; ++i) copies.next(i * stage_step);

  Decoder::fill(table, group.codebook, row.quarters);
  const int first_column = int(simt::block_index().y) * Product::columns;
  typename Product::Input input;
  input.set(group, first_column, lane);
  simt::block_barrier();

  WarpProduct<Decoder, tiles_high, Product> product;
  // Tiles before which activations are read in pairs.
  const int whole_tiles = group.d_in % 2 == 0 ? group.d_in / 16 : 0;
  product.set(table, unsigned(row.quarters));
  input.advance(tiles_a_chunk * warp);
  int stage = 0, free_stage = stages_end - stage_step; // where they begin in the ring
  for (int tile = tiles_a_chunk * warp; tile < row.tiles; tile += tiles_a_chunk * warps) {
    simt::cp_async_wait<ring_stages - 2>();
    simt::warp_barrier(); // everyone's copies of this stage are there, and the one before it is free
    copies.next(free_stage);
    const int left = row.tiles - tile;
    if (tile + tiles_a_chunk <= whole_tiles)
      product.template add<true>(ring + stage, stage_bytes, input, tiles_a_chunk);
    else
      product.template add<false>(ring + stage, stage_bytes, input,
                                  left < tiles_a_chunk ? left : tiles_a_chunk);
    input.advance(tiles_a_chunk * warps);
    free_stage = stage;
    stage += stage_step;
    if (stage == stages_end) stage = 0;
  }
  simt::cp_async_wait<0>();
  write_sums(product.products, member, block * tiles_high * 16, first_column, group.batch);
}

} // namespace intarsia::kernels

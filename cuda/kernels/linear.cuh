// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// y = W~ x~ for a batch of few rows, from the codes: a block computes `tiles_high` rows of tiles, its warps
// take every other chunk of tiles along d_in. A warp streams its codes into a ring in shared memory
// (cp.async, so that many loads are under way without registers), decodes each lane's weights in registers,
// where they are the A fragment of mma.m16n8k16 already, and multiplies by activations that it reads through
// the cache. Warps' sums meet in shared memory, in a fixed order, and the row scales come last.
//
// Instructions a weight: resources/help/gpu-kernels.md.
#pragma once

#include "core/memory/cuda/tile_row.h"
#include "cuda/kernels/linear_codes.cuh"
#include "cuda/kernels/linear_group.cuh"

namespace intarsia::kernels {

using cuda::TileRow;

inline constexpr int tiles_a_chunk = 4, ring_stages = 3;
inline constexpr unsigned max_chunk_bytes = 32 * 32; // at 8 bits per weight

struct LinearGroup {
  LinearMember members[max_members];
  TileRow row;
  unsigned table_bytes; // Decoder::table_bytes()
  int d_in, batch;
  const Half* x; // [batch, d_in]
  const float* codebook;
};

// --- activations
// --------------------------------------------------------------------------------------------

// Row n of x as a lane reads it: columns 2 t, 2 t + 1 and those + 8 of a tile. A row behind the batch reads
// its last one: a column of B reaches but its own column of the product, which is not stored.
struct ActivationRow {
  const Half* x; // from column 2 t on
  int d_in;      // less 2 t

  INTARSIA_DEVICE void set(const LinearGroup& group, int n, int t) {
    const int row = n < group.batch ? n : group.batch - 1;
    x = group.x + simt::opaque(unsigned(row) * unsigned(group.d_in) + 2 * unsigned(t));
    d_in = group.d_in - 2 * t;
  }
  INTARSIA_DEVICE void advance(int tiles) {
    x += 16 * tiles;
    d_in -= 16 * tiles;
  }
  INTARSIA_DEVICE std::uint32_t bounded_pair(int k) const {
    return simt::pack(k < d_in ? x[k] : std::uint16_t(0), k + 1 < d_in ? x[k + 1] : std::uint16_t(0)).bits;
  }
  // Of tile i from here. `whole`: it is within the row, and pairs are aligned.
  template <bool whole>
  INTARSIA_DEVICE void read(int i, std::uint32_t (&b)[2]) const {
    if constexpr (whole) {
      const auto* pairs = reinterpret_cast<const std::uint32_t*>(x) + 8 * i;
      b[0] = simt::load_cached(pairs);
      b[1] = simt::load_cached(pairs + 4);
    } else {
      b[0] = bounded_pair(16 * i);
      b[1] = bounded_pair(16 * i + 8);
    }
  }
};

// --- products: sums of a tile's 16 rows with up to `columns` rows of the batch
// -----------------------------

// Rows between two of the batch where warps' sums meet: a warp's stores fall on 32 banks.
template <int tiles_high>
inline constexpr int sums_pitch = 16 * tiles_high + 4;

template <int eights>
struct TensorProduct {
  static constexpr int columns = 8 * eights;
  struct Input {
    ActivationRow row[eights];
    INTARSIA_DEVICE void set(const LinearGroup& group, int first_column, int lane) {
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) row[i].set(group, first_column + 8 * i + lane / 4, lane % 4);
    }
    INTARSIA_DEVICE void advance(int tiles) {
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) row[i].advance(tiles);
    }
  };
  struct Activations {
    std::uint32_t b[eights][2];
    template <bool whole>
    INTARSIA_DEVICE void read(const Input& input, int i) {
      INTARSIA_UNROLL
      for (int n = 0; n < eights; ++n) input.row[n].template read<whole>(i, b[n]);
    }
  };

  float d[eights][4] = {};
  INTARSIA_DEVICE void add(const std::uint32_t (&a)[4], const Activations& x) {
    INTARSIA_UNROLL
    for (int i = 0; i < eights; ++i) simt::mma_m16n8k16(d[i], a, x.b[i]);
  }
  INTARSIA_DEVICE void store(float* sums, int pitch, int lane) const {
    INTARSIA_UNROLL
    for (int i = 0; i < eights; ++i) {
      INTARSIA_UNROLL
      for (int e = 0; e < 4; ++e)
        sums[(8 * i + lane % 4 * 2 + e % 2) * pitch + lane / 4 + e / 2 * 8] = d[i][e];
    }
  }
};

template <int count>
struct PlainProduct {
  static constexpr int columns = count;
  struct Input {
    ActivationRow row[count];
    INTARSIA_DEVICE void set(const LinearGroup& group, int first_column, int lane) {
      INTARSIA_UNROLL
      for (int i = 0; i < count; ++i) row[i].set(group, first_column + i, lane % 4);
    }
    INTARSIA_DEVICE void advance(int tiles) {
      INTARSIA_UNROLL
      for (int i = 0; i < count; ++i) row[i].advance(tiles);
    }
  };
  struct Activations {
    float x[count][4];
    template <bool whole>
    INTARSIA_DEVICE void read(const Input& input, int i) {
      INTARSIA_UNROLL
      for (int n = 0; n < count; ++n) {
        std::uint32_t b[2];
        input.row[n].template read<whole>(i, b);
        INTARSIA_UNROLL
        for (int e = 0; e < 4; ++e) x[n][e] = e % 2 ? simt::high({b[e / 2]}) : simt::low({b[e / 2]});
      }
    }
  };

  float d[count][2] = {}; // of rows g and g + 8
  INTARSIA_DEVICE void add(const std::uint32_t (&a)[4], const Activations& x) {
    INTARSIA_UNROLL
    for (int e = 0; e < 4; ++e) { // a[e]: row g + 8 (e % 2), columns from 8 (e / 2) on
      const float first = simt::low({a[e]}), second = simt::high({a[e]});
      INTARSIA_UNROLL
      for (int i = 0; i < count; ++i) {
        float& sum = d[i][e % 2];
        sum = simt::fused_multiply_add(first, x.x[i][e / 2 * 2], sum);
        sum = simt::fused_multiply_add(second, x.x[i][e / 2 * 2 + 1], sum);
      }
    }
  }
  INTARSIA_DEVICE void store(float* sums, int pitch, int lane) const {
    INTARSIA_UNROLL
    for (int i = 0; i < count; ++i) {
      INTARSIA_UNROLL
      for (int half = 0; half < 2; ++half) {
        float sum = d[i][half];
        sum += simt::shuffle_xor(sum, 1);
        sum += simt::shuffle_xor(sum, 2);
        if (lane % 4 == 0) sums[i * pitch + lane / 4 + 8 * half] = sum;
      }
    }
  }
};

// Adds the warps' sums up and writes the block's part of y. All threads; the shared memory is used anew.
template <int tiles_high, typename Product>
INTARSIA_DEVICE void write_sums(const Product (&products)[tiles_high], const LinearMember& member, int row,
                                int first_column, int batch) {
  constexpr int pitch = sums_pitch<tiles_high>, rows = 16 * tiles_high;
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  auto* sums = simt::shared_memory<float>();
  simt::block_barrier();
  INTARSIA_UNROLL
  for (int high = 0; high < tiles_high; ++high)
    products[high].store(sums + simt::warp() * Product::columns * pitch + 16 * high, pitch, simt::lane());
  simt::block_barrier();
  for (int i = int(simt::thread_index().x); i < rows * Product::columns; i += int(simt::block_dim().x)) {
    const int n = i / rows, r = i % rows;
    if (first_column + n >= batch || row + r >= member.rows) continue;
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += sums[(w * Product::columns + n) * pitch + r];
    const float scale = member.scales ? simt::half_to_float(member.scales[row + r]) : 1.f;
    member.y[std::size_t(first_column + n) * member.stride + std::size_t(row + r)] = scale * sum;
  }
}

template <int tiles_high, typename Product>
constexpr std::size_t sums_bytes(int threads) {
  return sizeof(float) * std::size_t(threads / simt::warp_size) * Product::columns * sums_pitch<tiles_high>;
}

// --- quantized linears
// --------------------------------------------------------------------------------------

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

  Product products[tiles_high] = {};
  Decoder decoder;
  LaneCodes codes;
  // The first `count` tiles of the stage; `whole`: all four, and their columns are there.
  const auto multiply = [&]<bool whole>(int stage, int count) {
    typename Product::Activations x[tiles_a_chunk];
    INTARSIA_UNROLL
    for (int i = 0; i < tiles_a_chunk; ++i) x[i].template read<whole>(input, whole || i < count ? i : 0);
    INTARSIA_UNROLL
    for (int i = 0; i < tiles_a_chunk; ++i)
      if (whole || i < count) {
        INTARSIA_UNROLL
        for (int high = 0; high < tiles_high; ++high) {
          std::uint32_t lower, upper, a[4];
          codes.read(ring + stage + high * int(stage_bytes) + i * 8 * int(codes.quarters), lower, upper);
          decoder.weights(lower, upper, a);
          products[high].add(a, x[i]);
        }
      }
  };
  // Tiles before which activations are read in pairs.
  const int whole_tiles = group.d_in % 2 == 0 ? group.d_in / 16 : 0;
  decoder.set(table, unsigned(lane), unsigned(row.quarters));
  codes.set(unsigned(row.quarters), unsigned(lane));
  input.advance(tiles_a_chunk * warp);
  int stage = 0, free_stage = stages_end - stage_step; // where they begin in the ring
  for (int tile = tiles_a_chunk * warp; tile < row.tiles; tile += tiles_a_chunk * warps) {
    simt::cp_async_wait<ring_stages - 2>();
    simt::warp_barrier(); // everyone's copies of this stage are there, and the one before it is free
    copies.next(free_stage);
    const int left = row.tiles - tile;
    if (tile + tiles_a_chunk <= whole_tiles)
      multiply.template operator()<true>(stage, tiles_a_chunk);
    else
      multiply.template operator()<false>(stage, left < tiles_a_chunk ? left : tiles_a_chunk);
    input.advance(tiles_a_chunk * warps);
    free_stage = stage;
    stage += stage_step;
    if (stage == stages_end) stage = 0;
  }
  simt::cp_async_wait<0>();
  write_sums(products, member, block * tiles_high * 16, first_column, group.batch);
}

// --- f16
// ----------------------------------------------------------------------------------------------------

// Eight neighbours of a row, or of one that ends on the way.
INTARSIA_DEVICE simt::uint4 eight_halves(const Half* row, int k, int d_in) {
  if (d_in % 8 == 0 && k < d_in) return simt::load_cached(reinterpret_cast<const simt::uint4*>(row + k));
  std::uint32_t pair[4];
  INTARSIA_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int at = k + 2 * i;
    pair[i] =
        simt::pack(at < d_in ? row[at] : std::uint16_t(0), at + 1 < d_in ? row[at + 1] : std::uint16_t(0))
            .bits;
  }
  return {pair[0], pair[1], pair[2], pair[3]};
}

inline constexpr int f16_threads = 256;
inline constexpr int f16_step = 32, f16_steps_at_once = 4; // columns; steps whose loads go out together

// Row-major f16, rows (d_in + 7) / 8 * 8 apart. A lane reads 16 bytes of rows g and g + 8 and of x's row n.
// Which columns make up an mma's k is free as long as A and B agree: lane t's eight are columns
// 2 t, 2 t + 1, 2 t + 8 and 2 t + 9 of two of them. grid and y: as linear_group, of 16 rows. sums_bytes().
template <int eights>
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(f16_threads, 2) f16_linear_group(LinearGroup group) {
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  int block = int(simt::block_index().x);
  const LinearMember& member = group.members[find_member(group.members, block)];
  const int stride = (group.d_in + 7) / 8 * 8;
  const simt::uint4* w[2];
  INTARSIA_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = 16 * block + lane / 4 + 8 * half, last = member.rows - 1;
    w[half] =
        reinterpret_cast<const simt::uint4*>(reinterpret_cast<const Half*>(member.codes) +
                                             std::size_t(row < last ? row : last) * std::size_t(stride));
  }
  TensorProduct<eights> products[1] = {};
  const int steps = (stride + f16_step - 1) / f16_step;
  for (int first = simt::warp() * f16_steps_at_once; first < steps; first += warps * f16_steps_at_once) {
    simt::uint4 rows[f16_steps_at_once][2], x[f16_steps_at_once][eights];
    INTARSIA_UNROLL
    for (int s = 0; s < f16_steps_at_once; ++s) {
      const int k = (first + s) * f16_step + 8 * (lane % 4);
      INTARSIA_UNROLL
      for (int half = 0; half < 2; ++half)
        rows[s][half] = k < stride ? simt::load_streaming(w[half] + k / 8) : simt::uint4{0, 0, 0, 0};
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) {
        const int n = 8 * i + lane / 4;
        x[s][i] = n < group.batch && k < group.d_in
                      ? eight_halves(group.x + std::size_t(n) * std::size_t(group.d_in), k, group.d_in)
                      : simt::uint4{0, 0, 0, 0};
      }
    }
    INTARSIA_UNROLL
    for (int s = 0; s < f16_steps_at_once; ++s) {
      const std::uint32_t a[4] = {rows[s][0].x, rows[s][1].x, rows[s][0].y, rows[s][1].y};
      const std::uint32_t c[4] = {rows[s][0].z, rows[s][1].z, rows[s][0].w, rows[s][1].w};
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) {
        const std::uint32_t b[2] = {x[s][i].x, x[s][i].y}, e[2] = {x[s][i].z, x[s][i].w};
        simt::mma_m16n8k16(products[0].d[i], a, b);
        simt::mma_m16n8k16(products[0].d[i], c, e);
      }
    }
  }
  write_sums(products, member, 16 * block, 0, group.batch);
}

// --- a linear as a matrix
// -----------------------------------------------------------------------------------

struct DecodedLinear {
  const Byte* codes;
  const Half* scales;
  const float* codebook;
  TileRow row;
  int rows, d_in;
};

INTARSIA_DEVICE void store_pair(Half* out, float first, float second, int room, bool aligned) {
  if (aligned && room >= 2) {
    *reinterpret_cast<std::uint32_t*>(out) = simt::make_half2(first, second).bits;
    return;
  }
  if (room >= 1) out[0] = simt::float_to_half(first);
  if (room >= 2) out[1] = simt::float_to_half(second);
}

// Rows [first, first + count) as binary16, rows of out `stride` apart. Warps of the grid take chunks of
// tiles. Decoder::table_bytes().
template <typename Decoder>
INTARSIA_KERNEL void decode_linear(DecodedLinear linear, int first, int count, Half* out,
                                   std::size_t stride) {
  auto* table = simt::shared_memory<Byte>();
  const auto quarters = unsigned(linear.row.quarters);
  Decoder::fill(table, linear.codebook, linear.row.quarters);
  simt::block_barrier();
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  const int chunks = chunk_count(linear.row), first_tile = first / 16;
  const int tile_rows = (first + count + 15) / 16 - first_tile;
  const bool aligned = stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(out) % 4 == 0;
  const auto tasks = std::size_t(tile_rows) * std::size_t(chunks);
  for (std::size_t task = std::size_t(simt::block_index().x) * std::size_t(warps) + std::size_t(simt::warp());
       task < tasks; task += std::size_t(simt::grid_dim().x) * std::size_t(warps)) {
    const int tile_row = first_tile + int(task / std::size_t(chunks));
    const int first_of_chunk = int(task % std::size_t(chunks)) * tiles_a_chunk;
    const int left = linear.row.tiles - first_of_chunk, tiles = left < tiles_a_chunk ? left : tiles_a_chunk;
    Decoder decoder;
    LaneCodes codes;
    decoder.set(table, unsigned(lane), quarters);
    codes.set(quarters, unsigned(lane));
    const Byte* tile =
        linear.codes + std::size_t(tile_row) * linear.row.bytes + unsigned(first_of_chunk) * 8 * quarters;
    for (int i = 0; i < tiles; ++i, tile += 8 * quarters) {
      std::uint32_t lower, upper;
      float v[8];
      codes.read(tile, lower, upper);
      decoder.values(lower, upper, v);
      const int column = 16 * (first_of_chunk + i) + 2 * (lane % 4);
      INTARSIA_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int row = 16 * tile_row + lane / 4 + 8 * half;
        if (row < first || row >= first + count) continue;
        const float scale = simt::half_to_float(linear.scales[row]);
        Half* to = out + std::size_t(row - first) * stride + std::size_t(column);
        store_pair(to, v[2 * half] * scale, v[2 * half + 1] * scale, linear.d_in - column, aligned);
        store_pair(to + 8, v[4 + 2 * half] * scale, v[5 + 2 * half] * scale, linear.d_in - column - 8,
                   aligned);
      }
    }
  }
}

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the kernels of NUQ, VQ and f16 linears have in common: the group of linears of a launch, activations
// as a lane reads them, sums of products with tensor cores or without, and the sum over the warps of a block.
#pragma once

#include "core/memory/cuda/tile_row.h"
#include "cuda/kernels/linear_group.cuh"

namespace intarsia::kernels {

using cuda::TileRow;

struct LinearGroup {
  LinearMember members[max_members];
  TileRow row;
  unsigned table_bytes; // Decoder::table_bytes()
  int d_in, batch;
  const Half* x; // [batch, d_in]
  const float* codebook;
};

// --- activations

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

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows of a NUQ- or VQ-coded linear decoded to binary16, for products with cuBLAS and for embeddings.
#pragma once

#include "cuda/kernels/linear.cuh"

namespace intarsia::kernels {

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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows of a TCQ linear as binary16, for cuBLAS and for embeddings.
#pragma once

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/trellis_words.cuh"

namespace intarsia::kernels {

// Steps of one rate.
struct TrellisMatrix {
  const std::uint32_t* codes;
  const Half* scales;
  std::size_t panel_words, first_word; // of a panel, and where the steps begin in it
  int first_step, steps;
  int rows, d_in;
  float unit; // trellis::scale()
};

// Half a warp's part, 64 rows of 16 columns, on its way from fragments to rows; 8 halves apart, so that the
// lanes' stores meet in few banks.
inline constexpr int trellis_row_pitch = 24;
constexpr std::size_t trellis_rows_shared_bytes(int threads) {
  return sizeof(Half) * std::size_t(threads / simt::warp_size) * trellis::panel_rows * trellis_row_pitch;
}

// Rows [first, first + count), rows of out `stride` apart; warps of the grid take a step of a panel each.
template <int quarters>
INTARSIA_KERNEL void decode_trellis_rows(TrellisMatrix matrix, int first, int count, Half* out,
                                         std::size_t stride) {
  constexpr int height = int(trellis::panel_rows);
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  Half* mine = simt::shared_memory<Half>() + simt::warp() * height * trellis_row_pitch;
  const int first_panel = first / height, panels = (first + count - 1) / height + 1 - first_panel;
  const bool aligned = stride % 8 == 0 && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
  const auto tasks = std::size_t(panels) * std::size_t(matrix.steps);
  for (std::size_t task = std::size_t(simt::block_index().x) * std::size_t(warps) + std::size_t(simt::warp());
       task < tasks; task += std::size_t(simt::grid_dim().x) * std::size_t(warps)) {
    const int panel = first_panel + int(task / std::size_t(matrix.steps)),
              step = int(task % std::size_t(matrix.steps));
    TrellisWords<quarters> words;
    words.load(matrix.codes + std::size_t(panel) * matrix.panel_words + matrix.first_word +
                   std::size_t(step) * TrellisWords<quarters>::words_a_block,
               lane);
    float scales[8]; // of the lane's rows
    INTARSIA_UNROLL
    for (int i = 0; i < 8; ++i) {
      const int row = height * panel + lane / 4 + 8 * i;
      scales[i] = row < matrix.rows ? simt::half_to_float(matrix.scales[row]) : 0;
    }
    INTARSIA_UNROLL
    for (int part = 0; part < 4; ++part) {
      const std::uint32_t seam = words.seam(part, next_ring_lane(lane));
      INTARSIA_UNROLL
      for (int i = 0; i < int(trellis::lane_weights); ++i) {
        const int row = i / 8 * 16 + lane / 4 + 8 * (i & 1), column = i / 4 % 2 * 8 + lane % 4 + (i & 2) * 2;
        const float unit = float(trellis::state_value(words.state(part, i, seam))) * matrix.unit;
        mine[row * trellis_row_pitch + column] = simt::float_to_half(unit * scales[i / 8 * 2 + (i & 1)]);
      }
      simt::warp_barrier();
      INTARSIA_UNROLL
      for (int i = lane; i < 2 * height; i += simt::warp_size) { // 8 columns of a row each
        const int row = height * panel + i / 2, half = 8 * (i % 2);
        const int column = 64 * (matrix.first_step + step) + 16 * part + half;
        const Half* from = mine + i / 2 * trellis_row_pitch + half;
        if (row < first || row >= first + count) continue;
        Half* to = out + std::size_t(row - first) * stride + std::size_t(column);
        if (aligned && column + 8 <= matrix.d_in) {
          *reinterpret_cast<simt::uint4*>(to) = *reinterpret_cast<const simt::uint4*>(from);
          continue;
        }
        for (int k = 0; k < 8; ++k)
          if (column + k < matrix.d_in) to[k] = from[k];
      }
      simt::warp_barrier();
    }
  }
}

} // namespace intarsia::kernels

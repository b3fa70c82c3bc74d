// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Layout of NUQ and VQ codes in device memory: tiles of 16 x 16 weights (cuda/launch/linear_layout.h). Shared
// by host and device code.
#pragma once

#include <cstddef>

namespace intarsia::cuda {

inline constexpr unsigned tile_side = 16, tile_weights = tile_side * tile_side;

// `quarters`: quarter bits per weight.
constexpr std::size_t tile_bytes(unsigned quarters) { return std::size_t(quarters) * tile_weights / 32; }

// Row and column in a tile of its weight number `step` (0 … 255) in code order: eight successive weights are
// those of one lane in the A fragment of mma.m16n8k16 (PTX ISA, "Matrix fragments for mma.m16n8k16"), in
// register order.
struct TilePosition {
  unsigned row, column;
};
constexpr TilePosition tile_position(unsigned step) {
  const unsigned lane = step / 8, value = step % 8;
  return {lane / 4 + (value & 2) * 4, lane % 4 * 2 + (value & 1) + (value & 4) * 2};
}

// A row of tiles, which covers 16 rows of the matrix.
struct TileRow {
  int quarters, tiles; // quarters: quarter bits per weight
  unsigned bytes;      // a multiple of 16
};

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// NUQ's and VQ's tiles in device memory (cuda/launch/linear_layout.h). Shared by host and device.
#pragma once

#include <cstddef>

namespace intarsia::cuda {

inline constexpr unsigned tile_side = 16, tile_weights = tile_side * tile_side;

// `quarters`: quarter bits per weight.
constexpr std::size_t tile_bytes(unsigned quarters) { return std::size_t(quarters) * tile_weights / 32; }

// Where weight `step` lies in a tile. Eight successive weights are what one lane of a warp holds of a 16 x 16
// A fragment of mma.m16n8k16 (PTX ISA, "Matrix fragments for mma.m16n8k16"), in the order of its registers.
struct TilePosition {
  unsigned row, column;
};
constexpr TilePosition tile_position(unsigned step) {
  const unsigned lane = step / 8, value = step % 8;
  return {lane / 4 + (value & 2) * 4, lane % 4 * 2 + (value & 1) + (value & 4) * 2};
}

// A row of tiles: so many bytes, a multiple of 16.
struct TileRow {
  int quarters, tiles; // quarters: quarter bits per weight
  unsigned bytes;
};

} // namespace intarsia::cuda

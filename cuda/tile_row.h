// SPDX-License-Identifier: GPL-3.0-or-later
// Where the tiles of a row of tiles lie in device memory (cuda/linear_layout.h). Shared by host and device.
#pragma once

namespace intarsia::cuda {

// Tiles of one rate side by side: `bytes` from byte `begin` of the row of tiles on.
struct TileRun {
  int quarters, tiles; // quarters: quarter bits a weight
  unsigned begin, bytes;
};

struct TileRow {
  TileRun runs[2]; // the second has tiles only for Half-TCQ
  unsigned bytes;
};

} // namespace intarsia::cuda

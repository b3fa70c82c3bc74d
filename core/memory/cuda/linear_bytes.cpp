// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/cuda/linear_bytes.h"

#include "core/palette/tcq_layout.h"

namespace intarsia::cuda {

bool is_trellis(QuantizerId id) {
  return id.family == QuantizerFamily::tcq || id.family == QuantizerFamily::half_tcq;
}

std::size_t tiles_of(std::size_t length) { return (length + tile_side - 1) / tile_side; }

TileRow tile_row(QuantizerId id, std::size_t d_in) {
  const int tiles = int(tiles_of(d_in)), quarters = id.quarter_bits;
  return {quarters, tiles, unsigned(8 * quarters * tiles + 15) / 16 * 16};
}

std::uint64_t device_code_bytes(QuantizerId id, MatrixShape shape) {
  if (id.family == QuantizerFamily::f16) return std::uint64_t(shape.rows) * f16_stride(shape.columns) * 2;
  if (is_trellis(id)) return TcqLayout(id, shape).bytes();
  return std::uint64_t(tiles_of(shape.rows)) * tile_row(id, shape.columns).bytes;
}

} // namespace intarsia::cuda

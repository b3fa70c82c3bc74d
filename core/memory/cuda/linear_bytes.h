// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Bytes that a layer's codes take in device memory, in the layout of cuda/launch/linear_layout.h, and the
// scratch memory that its kernels need.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/memory/cuda/int8_rows.h"
#include "core/memory/cuda/tile_row.h"
#include "core/palette/quantizer.h"

namespace intarsia::cuda {

inline constexpr int max_decode_rows = 16; // inputs (tokens) of a decode step's kernels
using Half = std::uint16_t;                // binary16

// TCQ and Half-TCQ, whose kernels read activations in int8.
bool is_trellis(QuantizerId id);

TileRow tile_row(QuantizerId id, std::size_t d_in); // of NUQ and VQ
std::size_t tiles_of(std::size_t length);           // tiles that cover so many rows or columns

// Elements between an f16 linear's rows.
constexpr std::size_t f16_stride(std::size_t d_in) { return (d_in + 7) / 8 * 8; }

std::uint64_t device_code_bytes(QuantizerId id, MatrixShape shape);

// Scratch memory of a group of layers whose columns are split over several thread blocks.
inline constexpr int max_split_panels = 256; // with more panels of 64 rows nothing is split
constexpr std::size_t linear_scratch_bytes() {
  return sizeof(int) * max_split_panels * (64 * max_decode_rows * int8_terms + 1);
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later
// How a linear's codes lie in device memory, made once at upload. Plain C++: no CUDA is needed for it.
//
// NUQ, VQ, TCQ and Half-TCQ share one geometry, TCQ's: tiles of 16 x 16 weights, of which a lane of a warp
// holds the eight that are its A fragment of mma.m16n8k16, in the order of trellis::place. At q quarter bits
// a weight a tile takes 8 q bytes, and lane l's codes begin at bit 2 q l of it. The artifact has TCQ's tiles
// already in that order, but NUQ's and VQ's codes row by row: a warp would gather them from sixteen rows,
// each aligned to a byte alone. Here each row of tiles is one run of bytes that a warp streams in copies of
// 16, at whatever rate: runs begin at multiples of 16 bytes (Half-TCQ has two a row, one for each rate). What
// fills odd shapes up to whole tiles is code 0.
//
// f16 stays row-major, so that the same memory serves as an embedding table and as cuBLAS's matrix; rows
// are filled up to a multiple of eight weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/palette/quantized_linear.h"

namespace intarsia::cuda {

inline constexpr int most_decode_rows = 16; // of a batch

// Which units multiply. Both read the same layout.
enum class KernelPath { tensor_core, cuda_core };
std::string_view kernel_path_name(KernelPath path); // "tensor-core", "cuda-core", as in latency tables

// Whether launch_linear_group() has a kernel for it.
bool supports(QuantizerId id, KernelPath path, int batch);

// The rates and lengths of a row of tiles; shared with the kernels.
struct TileRow {
  int left_quarters, right_quarters; // quarter bits a weight
  int left_tiles, right_tiles;       // right: 0 but for Half-TCQ

  static constexpr std::uint32_t run_bytes(int quarters, int tiles) {
    return (std::uint32_t(tiles) * 8 * std::uint32_t(quarters) + 15) / 16 * 16;
  }
  constexpr std::uint32_t left_bytes() const { return run_bytes(left_quarters, left_tiles); }
  constexpr std::uint32_t bytes() const { return left_bytes() + run_bytes(right_quarters, right_tiles); }
};
TileRow tile_row(QuantizerId id, std::size_t d_in); // not for f16

// Elements between an f16 linear's rows.
constexpr std::size_t f16_stride(std::size_t d_in) { return (d_in + 7) / 8 * 8; }

std::uint64_t device_code_bytes(QuantizerId id, MatrixShape shape);
// The codes as the kernels want them.
std::vector<std::byte> device_codes(const QuantizedLinear& layer);

} // namespace intarsia::cuda

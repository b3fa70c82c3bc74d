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
#include "cuda/tile_row.h"

namespace intarsia::cuda {

inline constexpr int most_decode_rows = 16; // of a batch
using Half = std::uint16_t;                 // binary16

// Which units multiply. Both read the same layout.
enum class KernelPath { tensor_core, cuda_core };
std::string_view kernel_path_name(KernelPath path); // "tensor-core", "cuda-core", as in latency tables

// Whether launch_linear_group() has a kernel for it.
bool supports(QuantizerId id, KernelPath path, int batch);

TileRow tile_row(QuantizerId id, std::size_t d_in); // not for f16

// Elements between an f16 linear's rows.
constexpr std::size_t f16_stride(std::size_t d_in) { return (d_in + 7) / 8 * 8; }

std::uint64_t device_code_bytes(QuantizerId id, MatrixShape shape);
// The codes as the kernels want them.
std::vector<std::byte> device_codes(const QuantizedLinear& layer);

// A linear in device memory; the pointers are the device's.
struct DeviceLinear {
  QuantizerId quantizer;
  int d_out, d_in;
  const void* codes;      // device_codes(), 16-byte aligned
  const Half* row_scales; // binary16, d_out of them; null for f16
  const float* codebook;  // quantizer(id).codebook(); null for f16
};
struct LinearOutput {
  float* y;
  std::size_t stride; // elements between the rows of a batch
};

// Linears that one launch computes together: they have the same quantizer and d_in, and read the same x.
inline constexpr int most_fused = 8;

} // namespace intarsia::cuda

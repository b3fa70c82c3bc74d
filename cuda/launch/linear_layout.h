// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How a linear's codes lie in device memory, made once at upload. Plain C++: no CUDA is needed for it.
//
// TCQ and Half-TCQ lie as in the artifact: blocks of 64 x 64 weights that a warp streams into registers
// (core/palette/trellis.h).
//
// NUQ's and VQ's codes the artifact has row by row: a warp would gather them from sixteen rows, each aligned
// to a byte alone. Here they make tiles of 16 x 16 weights, of which a lane of a warp holds the eight that
// are its A fragment of mma.m16n8k16, in the order of tile_position(). At q quarter bits per weight a tile
// takes 8 q bytes, and lane l's codes begin at bit 2 q l of it. Each row of tiles is one run of bytes that a
// warp streams in copies of 16, at whatever rate: rows begin at multiples of 16 bytes. What fills odd shapes
// up to whole tiles is code 0.
//
// f16 stays row-major, so that the same memory serves as an embedding table and as cuBLAS's matrix; rows
// are filled up to a multiple of eight weights.
#pragma once

#include <string_view>
#include <vector>

#include "core/memory/cuda/linear_bytes.h"
#include "core/palette/quantized_linear.h"

namespace intarsia::cuda {

// Which units multiply. Both read the same layout.
enum class KernelPath { tensor_core, cuda_core };
std::string_view kernel_path_name(KernelPath path); // "tensor-core", "cuda-core", as in latency tables

// Whether launch_linear_group() has a kernel for it.
bool supports(QuantizerId id, KernelPath path, int batch);

// The codes as the kernels want them.
std::vector<std::byte> device_codes(const QuantizedLinear& layer);

// A linear in device memory; the pointers are the device's.
struct DeviceLinear {
  QuantizerId quantizer;
  int d_out, d_in;
  const void* codes;      // device_codes(), 16-byte aligned
  const Half* row_scales; // binary16, d_out of them; null for f16
  const float* codebook;  // quantizer(id).codebook(); null where that is empty
};
// What linears read: activations in binary16, dense rows of d_in, 16-byte aligned; and for a trellis the same
// in bytes.
struct LinearInput {
  const Half* x;
  Int8Rows int8;
};
struct LinearOutput {
  float* y;
  std::size_t stride; // elements between the rows of a batch
};

// Linears that one launch computes together: they have the same quantizer and d_in, and read the same x.
inline constexpr int max_fused = 8;

// Where the parts of a trellis-coded group meet that several blocks compute: zeros, before and after each
// launch. Launches of one stream share it.
struct LinearScratch { // of linear_scratch_bytes()
  int* sums;
  unsigned* arrived;
};
inline LinearScratch linear_scratch_in(void* zeros) {
  auto* sums = static_cast<int*>(zeros);
  return {sums, reinterpret_cast<unsigned*>(sums + std::size_t(max_split_panels) * 64 * max_decode_rows *
                                                       int8_terms)};
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Storage types of tensors in checkpoints: plain floats, and the block formats of GGUF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace intarsia {

enum class DType {
  f64,
  f32,
  f16,
  bf16,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  boolean,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  q8_k,
  iq1_s,
  iq1_m,
  iq2_xxs,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_s,
  iq4_nl,
  iq4_xs,
  tq1_0,
  tq2_0,
  mxfp4,
  nvfp4,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
};
constexpr std::size_t dtype_count = std::size_t(DType::f8_e8m0) + 1;

std::string_view dtype_name(DType dtype); // "F32", "Q4_K", …

// Elements a block holds (1 for plain types) and bytes a block takes.
std::size_t block_elements(DType dtype);
std::size_t block_bytes(DType dtype);

// Bytes of `elements` elements; nullopt when elements is not a multiple of the block or the product
// overflows.
std::optional<std::uint64_t> storage_bytes(DType dtype, std::uint64_t elements);

// True for the types that dequantize() turns into weights (floats of 8 to 64 bits and the block formats).
bool is_weight_type(DType dtype);

// Decodes out.size() elements; `bytes` holds exactly storage_bytes(dtype, out.size()). Block layouts are
// those of ggml (ggml-common.h, ggml-quants.c). Throws Error{unsupported} for a type that is not a weight
// type.
void dequantize(DType dtype, std::span<const std::byte> bytes, std::span<float> out);

} // namespace intarsia

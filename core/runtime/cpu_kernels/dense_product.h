// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products of f32 activations with weights that are decoded a few rows at a time into a cache-sized buffer:
// f32, f16, bf16 and GGUF's block types as they are stored, and quantized weights for which this machine has
// no kernel that multiplies codes.
#pragma once

#include "core/checkpoint/stored_rows.h"
#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"

namespace intarsia::cpu_kernels {

// y = W x over `rows` of W, a matrix of `shape`. x: [tokens, columns].
void multiply_dense(const StoredRows& weights, MatrixShape shape, Rows rows, std::span<const float> x,
                    const Output& out);
// The same for a quantized layer. x: [tokens, columns], rotated by the layer's rotation.
void multiply_decoded(const QuantizedLinear& layer, Rows rows, std::span<const float> x, const Output& out);
// One row of W in f32; out: `columns` values.
void decode_dense(const StoredRows& weights, MatrixShape shape, std::size_t row, std::span<float> out);
// Bytes of the buffer of one thread, for layers of up to `widest` columns.
std::size_t dense_scratch_bytes(std::size_t widest);

} // namespace intarsia::cpu_kernels

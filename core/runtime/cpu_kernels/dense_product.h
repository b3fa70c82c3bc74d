// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows of plain weights times f32 activations: f32, f16, bf16 and GGUF's block types as they lie in a file,
// decoded a few rows at a time into a cache-sized buffer. And the same for codes that have no kernel of their
// own here.
#pragma once

#include "core/checkpoint/stored_rows.h"
#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"

namespace intarsia::cpu_kernels {

// x: [tokens, columns].
void multiply_dense(const StoredRows& weights, MatrixShape shape, Rows rows, std::span<const float> x,
                    const Output& out);
// x: rotated.
void multiply_decoded(const QuantizedLinear& layer, Rows rows, std::span<const float> x, const Output& out);
void decode_dense(const StoredRows& weights, MatrixShape shape, std::size_t row, std::span<float> out);
std::size_t dense_scratch_bytes(std::size_t widest); // a thread

} // namespace intarsia::cpu_kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows of a NUQ- or VQ-coded linear times a few int8 activations, decoded as they are multiplied. Codebooks
// are rounded to integers (NUQ to 16 bits, VQ to 12 of its largest value), products are exact.
#pragma once

#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"
#include "core/runtime/linear_input.h"

namespace intarsia::cpu_kernels {

// Whether this machine multiplies so many inputs in integers (AVX-512 VNNI and VBMI); else they go the way of
// multiply_decoded().
bool multiplies_rows(QuantizerId id, std::size_t inputs);
void multiply_rows(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out);
std::size_t row_scratch_bytes(std::size_t widest); // a thread

} // namespace intarsia::cpu_kernels

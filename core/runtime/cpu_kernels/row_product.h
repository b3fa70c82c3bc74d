// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Product of a NUQ- or VQ-coded layer with a few int8 inputs; codes are decoded and multiplied in one pass.
// Codebook entries are rounded to integers, of 16 bits for NUQ and 12 for VQ relative to the largest entry;
// the integer products are exact.
#pragma once

#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"
#include "core/runtime/linear_input.h"

namespace intarsia::cpu_kernels {

// Whether there is an integer kernel for the quantizer and `inputs` inputs; else multiply_decoded() is used.
// AVX-512 VNNI and VBMI: all quantizers; without them NUQ of up to 6 bits and VQ. The result is the same.
bool multiplies_rows(QuantizerId id, std::size_t inputs);
void multiply_rows(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out);
// Bytes of the buffer of one thread, for layers of up to `widest` columns.
std::size_t row_scratch_bytes(std::size_t widest);

} // namespace intarsia::cpu_kernels

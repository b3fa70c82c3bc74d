// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rows of a trellis-coded linear times int8 activations.
#pragma once

#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"
#include "core/runtime/linear_input.h"

namespace intarsia::cpu_kernels {

// Whether this machine multiplies so many inputs in integers; else they go the way of multiply_decoded().
bool multiplies_trellis(std::size_t inputs);
// rows.first: a multiple of 64; at most 64 rows.
void multiply_trellis(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out);
std::size_t trellis_scratch_bytes(); // a thread

} // namespace intarsia::cpu_kernels

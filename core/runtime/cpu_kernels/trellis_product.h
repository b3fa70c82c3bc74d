// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Product of a trellis-coded layer with int8 inputs.
#pragma once

#include "core/palette/quantized_linear.h"
#include "core/runtime/cpu_kernels/output.h"
#include "core/runtime/linear_input.h"

namespace intarsia::cpu_kernels {

// Whether this machine has an integer kernel for `inputs` inputs; else multiply_decoded() is used.
bool multiplies_trellis(std::size_t inputs);
// y = W x over one panel: rows.first is a multiple of 64, rows.count at most 64.
void multiply_trellis(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out);
std::size_t trellis_scratch_bytes(); // bytes of the buffer of one thread

} // namespace intarsia::cpu_kernels

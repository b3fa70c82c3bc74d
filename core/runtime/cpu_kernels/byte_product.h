// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products of int8 activations with rotated weights of 8 bits.
#pragma once

#include "core/runtime/byte_linear.h"
#include "core/runtime/cpu_kernels/output.h"
#include "core/runtime/linear_input.h"

namespace intarsia::cpu_kernels {

// y = W x over `rows` of W. Exact integer sums: the same on every instruction set.
void multiply_bytes(const ByteLinear& layer, Rows rows, const Int8Activation& x, const Output& out);

} // namespace intarsia::cpu_kernels

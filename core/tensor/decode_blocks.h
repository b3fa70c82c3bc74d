// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Stored weights to f32 on the instruction set of the machine: what dequantize() computes, for inner loops.
#pragma once

#include <cstddef>
#include <span>

#include "core/tensor/dtype.h"

namespace intarsia {

// out.size(): a multiple of block_elements(dtype), whose bytes begin at `from` (any alignment). dtype: one
// for which is_weight_type() holds. Values are those of dequantize() but for the rounding of one
// multiply-add.
void decode_blocks(DType dtype, const std::byte* from, std::span<float> out);

} // namespace intarsia

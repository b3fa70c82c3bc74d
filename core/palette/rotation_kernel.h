// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The inner loops of a rotation (Highway). Only sums, differences and one last product a value, in an order
// that does not depend on the instruction set: results are the same on all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia {

// x <- H x / sqrt(n) for Sylvester's matrix, n = x.size() a power of two; its own inverse.
void fast_hadamard(std::span<float> x);

// out = H x / sqrt(order) over `order` rows of `power` values; `signs`: ±1, [order, order], row i for row i
// of out.
void dense_hadamard(std::span<const float> x, std::span<const std::int8_t> signs, std::size_t order,
                    std::size_t power, std::span<float> out);

} // namespace intarsia

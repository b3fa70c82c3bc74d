// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Bounds that no known model comes near; they keep products of sizes far from 2^64.
#pragma once

#include <cstdint>

namespace intarsia {

constexpr std::uint64_t max_dimension = 1u << 20, max_blocks = 4096, max_heads = 4096,
                        largest_vocabulary = 1u << 24, max_context = 1u << 28;

} // namespace intarsia

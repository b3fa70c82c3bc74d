// SPDX-License-Identifier: GPL-3.0-or-later
// Bounds that no known model comes near; they keep products of sizes far from 2^64.
#pragma once

#include <cstdint>

namespace intarsia {

constexpr std::uint64_t largest_dimension = 1u << 20, most_blocks = 4096, most_heads = 4096,
                        largest_vocabulary = 1u << 24, most_positions = 1u << 28;

} // namespace intarsia

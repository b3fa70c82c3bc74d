// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Product of a decoded panel of 64 rows with many int8 inputs (more than max_fused_inputs): the codes are
// decoded once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::cpu_kernels {

// Layout of a panel: for every pair of columns 64 dwords, one per row, each of two int16 weights.
inline constexpr std::size_t panel_pair_weights = 2 * 64;
// The row of the matrix's panel that is n-th in the layout above, as vnni::trellis_panel() writes it.
constexpr unsigned panel_row(unsigned n) { return n / 16 * 16 + n % 16 / 4 * 2 + n % 4 / 2 + n % 2 * 8; }

// Converts an input to pairs of int16: columns c and c + 4 of each eight, in ascending c. `columns`: a
// multiple of 8; `to`: `columns` values.
void pair_activations(const std::int8_t* x, std::size_t columns, std::int16_t* to);

namespace vnni {

// sums[t][n] += sum over `pairs` column pairs of panel[pair][n] . x[t][pair], for `count` inputs t; input t
// begins at x + t * stride. Exact in 32 bits for up to 32,768 columns.
void panel_product(const std::int16_t* panel, std::size_t pairs, const std::int16_t* x, std::size_t stride,
                   std::size_t count, std::int32_t (*sums)[64]);

} // namespace vnni
} // namespace intarsia::cpu_kernels

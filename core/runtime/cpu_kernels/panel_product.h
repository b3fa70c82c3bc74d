// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A panel of 64 decoded rows times many int8 activations: the codes are decoded once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::cpu_kernels {

// A panel: for every pair of columns 64 dwords, one a row, of two int16 weights.
inline constexpr std::size_t panel_pair_weights = 2 * 64;
// The row that is the n-th of a panel as vnni::trellis_panel() writes it.
constexpr unsigned panel_row(unsigned n) { return n / 16 * 16 + n % 16 / 4 * 2 + n % 4 / 2 + n % 2 * 8; }

// x as pairs of int16: columns c and c + 4 of each eight, in the order of c. columns: a multiple of 8.
void pair_activations(const std::int8_t* x, std::size_t columns, std::int16_t* to);

namespace vnni {

// sums[t][n] += sum over `pairs` of panel[pair][n] . x[t][pair]; x of activation t begins at x + t * stride.
void panel_product(const std::int16_t* panel, std::size_t pairs, const std::int16_t* x, std::size_t stride,
                   std::size_t count, std::int32_t (*sums)[64]);

} // namespace vnni
} // namespace intarsia::cpu_kernels

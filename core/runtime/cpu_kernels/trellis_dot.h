// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products of a trellis-coded panel with int8 activations, decoded as they are multiplied. Exact integers:
// the same on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/palette/trellis.h"

namespace intarsia::cpu_kernels {

// Activations that take part in one call.
inline constexpr std::size_t most_fused_inputs = 4;

// Blocks of one rate that lie one after the other in a panel, from column `first_column` (a multiple of 64)
// on.
struct TrellisRun {
  const std::byte* codes;
  unsigned quarters;
  std::size_t blocks, first_column;
};

// sums[t][row] = sum over the run's columns of byte_sum(row, column) * x_t[column] for the panel's 64 rows.
// `inputs`[t]: int8 activations as expand_activations() lays them out; column 0's begin there. count <= 4. At
// most 2^31 / (1020 * 127) = 16,578 columns are exact; callers cut longer runs.
using TrellisSums = std::int32_t (*)[trellis::panel_rows];
void trellis_dot(const TrellisRun& run, const std::int8_t* const* inputs, std::size_t count,
                 TrellisSums sums);
inline constexpr std::size_t most_exact_blocks = 16'578 / trellis::block_columns;

// How trellis_dot() takes activations on this machine: every value `activation_copies()` times in a row.
std::size_t activation_copies();
void expand_activations(const std::int8_t* x, std::size_t columns, std::int8_t* to);

} // namespace intarsia::cpu_kernels

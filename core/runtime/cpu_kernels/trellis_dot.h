// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Product of a trellis-coded panel (64 rows, core/palette/trellis.h) with int8 inputs; codes are decoded and
// multiplied in one pass. The arithmetic is exact in integers, so the result is the same on every instruction
// set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/palette/trellis.h"

namespace intarsia::cpu_kernels {

// Most inputs of one call.
inline constexpr std::size_t max_fused_inputs = 4;

// Consecutive blocks (64 columns each) of one rate in a panel, from column `first_column` (a multiple of 64)
// on.
struct TrellisRun {
  const std::byte* codes;
  unsigned quarters; // quarter bits per weight
  std::size_t blocks, first_column;
};

// sums[t][row] = sum over the run's columns of byte_sum(row, column) * x_t[column], for the panel's 64 rows;
// byte_sum is the decoded weight before its offset (core/palette/trellis_code.h). inputs[t]: column 0 of
// input t in the layout of expand_activations(). count <= max_fused_inputs. Exact for up to 2^31 / (1020 *
// 127) = 16,578 columns; callers split longer runs.
using TrellisSums = std::int32_t (*)[trellis::panel_rows];
void trellis_dot(const TrellisRun& run, const std::int8_t* const* inputs, std::size_t count,
                 TrellisSums sums);
inline constexpr std::size_t max_exact_blocks = 16'578 / trellis::block_columns;

// Distance in bytes at which implementations prefetch codes: blocks are read in an order that hardware does
// not predict. Beyond the last block this prefetches the next panel, or harmless addresses.
inline constexpr std::size_t prefetch_distance = 6144;

// The layout of inputs that trellis_dot() reads on this machine: every value activation_copies() times in a
// row. `to`: columns * activation_copies() values.
std::size_t activation_copies();
void expand_activations(const std::int8_t* x, std::size_t columns, std::int8_t* to);

} // namespace intarsia::cpu_kernels

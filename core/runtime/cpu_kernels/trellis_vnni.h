// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// trellis_dot() and panel decoding in AVX-512 VNNI, VBMI and VBMI2; to be called only where has_vnni().
#pragma once

#include "core/runtime/cpu_kernels/trellis_dot.h"

namespace intarsia::cpu_kernels::vnni {

inline constexpr std::size_t trellis_copies = 16; // activation_copies() here

void trellis_dot(const TrellisRun& run, const std::int8_t* const* inputs, std::size_t count,
                 TrellisSums sums);

// Decodes a run to int16 weights (byte sum - 510) in the layout of panel_product(): for every pair of columns
// 64 dwords, one per row, the first column in the lower half. Pairs are columns c and c + 4 of each eight, in
// ascending c; rows are in the order of panel_row().
void trellis_panel(const TrellisRun& run, std::int16_t* panel);

} // namespace intarsia::cpu_kernels::vnni

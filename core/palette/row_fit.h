// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The scale of a quantized row, fitted to what its codes decode to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace intarsia {

// Of one row: sums of the weights (w) and what codes decode to (q) in some norm.
struct RowFit {
  double ww = 0, wq = 0, qq = 0;
};

inline constexpr float max_half = 65504, min_normal_half = 6.104e-5f;
// The scale as stored, in binary16; tiny rows keep a normal one so that no precision is lost in it.
std::uint16_t stored_scale(float scale);

// The scale that fits the codes best: the least-squares factor <w, q> / <q, q> of each row. Returns by how
// much each row's scale changed.
std::vector<double> refine_scales(std::span<const RowFit> fits, std::vector<std::uint16_t>& scales);

// |Q(W) - W|^2 / |W|^2 in the norm of the fits, rows weighed by their squared scales.
double relative_error(std::span<const RowFit> fits, std::span<const double> ratios,
                      std::span<const std::uint16_t> scales);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The optimal scalar quantizer of a unit Gaussian (Lloyd 1957, Max 1960).
#pragma once

#include <cstddef>
#include <vector>

namespace intarsia {

struct LloydMax {
  std::vector<double> levels;     // ascending, symmetric; each is the mean of its cell
  std::vector<double> thresholds; // between levels, half way
  double distortion = 0;          // mean squared error
};

// levels >= 2. Newton's method on the centroid conditions: converges in about ten steps.
LloydMax solve_lloyd_max(std::size_t levels);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a selftest says of one kernel, on whatever device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace intarsia {

struct KernelCheck {
  std::string kernel;
  int cases = 0;
  double worst = 0;     // error, relative to what the values' size lets expect
  double tolerance = 0; // what rounding explains
  std::string problem;  // what else was wrong: a write beyond the output, a failed launch
  bool ok() const { return problem.empty() && worst <= tolerance; }
};

// The CPU's kernels, as this processor runs them, against plain loops.
std::vector<KernelCheck> check_cpu_kernels(std::uint64_t seed, int cases);

} // namespace intarsia

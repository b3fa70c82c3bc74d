// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every kernel against the CPU: random shapes, fresh random inputs, poisoned outputs. No CUDA type shows
// here.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/tensor/kernel_check.h"

namespace intarsia::cuda {

struct SelftestOptions {
  std::uint64_t seed = 0;
  int cases = 8; // of each kernel
  // The largest shapes that models of 8B, 70B and 135M weights give the kernels, in place of small random
  // ones; a test on the host divides them.
  bool real_shapes = false;
  int divided_by = 1;
};

// A fault on the device ends it: the results so far are lost, and the error says at which kernel.
std::vector<KernelCheck> selftest(int device, const SelftestOptions& options, const JobControl& control);

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/progress.h"
#include "core/jobs/execution_target.h"
#include "core/tensor/kernel_check.h"

namespace intarsia {

struct SelftestOptions {
  std::uint64_t seed = 0;   // of shapes and inputs
  int cases = 8;            // of each kernel
  bool real_shapes = false; // the largest layer shapes of models with 8B, 70B and 135M weights; GPU only
};

// Checks every kernel of the target against plain arithmetic. Throws Error{usage} for real shapes on a CPU.
std::vector<KernelCheck> selftest(const ExecutionTarget& target, const SelftestOptions& options,
                                  const JobControl& control);

// The same for the CPU kernels, in this process (which may be a worker).
std::vector<KernelCheck> selftest_on_cpu(const SelftestOptions& options, const JobControl& control);

} // namespace intarsia

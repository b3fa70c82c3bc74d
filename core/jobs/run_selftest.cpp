// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/run_selftest.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/tensor/kernel_check.h"
#include "core/worker/worker_jobs.h"

namespace intarsia {

// A case of every kernel at a time, so that it can be followed and stopped.
std::vector<KernelCheck> selftest_on_cpu(const SelftestOptions& options, const JobControl& control) {
  std::vector<KernelCheck> all;
  for (int i = 0; i < options.cases; ++i) {
    control.throw_if_stopped();
    const auto checks = check_cpu_kernels(options.seed + std::uint64_t(i), 1);
    if (all.empty()) all.assign(checks.begin(), checks.end());
    for (std::size_t k = 0; k < checks.size(); ++k) {
      all[k].cases = i + 1;
      all[k].worst = std::max(all[k].worst, checks[k].worst);
    }
    control.report("selftest", i + 1, options.cases);
  }
  return all;
}

std::vector<KernelCheck> selftest(const ExecutionTarget& target, const SelftestOptions& options,
                                  const JobControl& control) {
  if (options.real_shapes && !target.is_gpu())
    throw Error(ErrorKind::usage,
                "selftest: the shapes of real models are tested on a GPU only: choose one with --device");
  if (!target.in_worker()) return selftest_on_cpu(options, control);
  return selftest_in_worker(*target.worker(), target.device().id, options.seed, options.cases, control,
                            options.real_shapes);
}

} // namespace intarsia

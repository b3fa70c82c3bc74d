// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/selftest/selftest.h"

#include "core/base/error.h"
#include "cuda/selftest/selftest_bench.h"

namespace intarsia::cuda {
namespace {

KernelCheck run_kernel(const SelftestKernel& kernel, const Stream& stream, const SelftestOptions& options) {
  KernelCheck result{kernel.name, 0, 0, kernel.tolerance, {}};
  Bench bench(stream, seed_for(options.seed, kernel.name));
  try {
    for (; result.cases < options.cases; ++result.cases) kernel.run(bench);
  } catch (const std::exception& error) {
    if (context_is_lost())
      throw Error(ErrorKind::internal, "kernel " + kernel.name + ": " + std::string(error.what()));
    bench.problem = error.what();
  }
  result.worst = bench.worst;
  result.problem = bench.problem;
  return result;
}

} // namespace

std::vector<KernelCheck> selftest(int device, const SelftestOptions& options, const JobControl& control) {
  const Stream stream(device);
  std::vector<SelftestKernel> kernels;
  if (options.real_shapes) {
    add_real_kernel_cases(kernels, options.divided_by);
    add_real_linear_cases(kernels, options.divided_by);
  } else {
    add_kernel_cases(kernels);
    add_linear_cases(kernels);
  }
  std::vector<KernelCheck> results;
  for (const SelftestKernel& kernel : kernels) {
    control.throw_if_stopped();
    control.report(kernel.name, double(results.size()), double(kernels.size()));
    results.push_back(run_kernel(kernel, stream, options));
  }
  return results;
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <random>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/jobs/run_selftest.h"
#include "core/tensor/kernels.h"

namespace intarsia::cli {
namespace {

std::string verdict(const KernelCheck& check) {
  if (check.ok()) return "ok";
  return check.problem.empty() ? "WRONG" : "WRONG: " + check.problem;
}

void print(const std::vector<KernelCheck>& checks) {
  fmt::print("{:<28} {:>6} {:>11} {:>10}\n", "kernel", "cases", "worst error", "allowed");
  for (const KernelCheck& check : checks)
    fmt::print("{:<28} {:>6} {:>11.2g} {:>10.2g}  {}\n", check.kernel, check.cases, check.worst,
               check.tolerance, verdict(check));
}

OrderedJson to_json(const std::vector<KernelCheck>& checks) {
  OrderedJson list = OrderedJson::array();
  for (const KernelCheck& check : checks)
    list.push_back({{"kernel", check.kernel},
                    {"cases", check.cases},
                    {"worst", std::isfinite(check.worst) ? OrderedJson(check.worst) : OrderedJson(nullptr)},
                    {"tolerance", check.tolerance},
                    {"problem", check.problem},
                    {"ok", check.ok()}});
  return list;
}

void run(const Options& options) {
  const ExecutionTarget target = chosen_target(options);
  SelftestOptions settings;
  settings.seed = options.count_or("--seed", 0, INT64_MAX, std::random_device()());
  settings.cases = int(options.count_or("--cases", 1, 10000, std::uint64_t(settings.cases)));
  settings.real_shapes = options.has("--real-shapes");
  const auto checks = selftest(target, settings, make_control("testing"));
  end_progress();
  const auto wrong =
      std::count_if(checks.begin(), checks.end(), [](const auto& check) { return !check.ok(); });
  if (options.json()) {
    print_json({{"device", target.device().id},
                {"seed", settings.seed},
                {"ok", wrong == 0},
                {"kernels", to_json(checks)}});
  } else {
    if (!target.is_gpu())
      fmt::print("No GPU is tested: these are the CPU's kernels ({}) against plain loops.\n",
                 kernels::instruction_set());
    print(checks);
  }
  if (wrong > 0)
    throw Error(ErrorKind::internal, fmt::format("{} of {} kernels compute wrongly on {} (seed {}); please "
                                                 "report it",
                                                 wrong, checks.size(), target.device().id, settings.seed));
}

} // namespace

Verb selftest_verb() {
  return {{"selftest",
           "",
           "checks every kernel of a device against plain arithmetic",
           {device_option(),
            {"--seed", "N", "seed of shapes and inputs (default: fresh)"},
            {"--cases", "N", "random cases of each kernel (default 8)"},
            {"--real-shapes", "", "the largest shapes of models of 8B, 70B and 135M weights; on a GPU"}}},
          run};
}

} // namespace intarsia::cli

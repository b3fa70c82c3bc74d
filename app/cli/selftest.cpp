// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <random>

#include "app/cli/place.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/tensor/kernels.h"
#include "core/tensor/selftest.h"
#include "core/worker/device_jobs.h"

namespace intarsia::cli {
namespace {

constexpr int usual_cases = 8;

std::vector<KernelCheck> run_checks(const Place& place, std::uint64_t seed, int cases, bool real_shapes) {
  if (real_shapes && place.device.kind != DeviceKind::cuda)
    throw Error(ErrorKind::usage,
                "selftest: the shapes of real models are tested on a GPU only: choose one with "
                "--device");
  if (!place.worker) return check_cpu_kernels(seed, cases);
  auto checks =
      selftest_in_worker(*place.worker, place.device.id, seed, cases, make_control("testing"), real_shapes);
  end_progress();
  return checks;
}

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
  const Place place = chosen_place(options);
  const bool gpu = place.device.kind == DeviceKind::cuda;
  const std::uint64_t seed = options.count_or("--seed", 0, INT64_MAX, std::random_device()());
  const auto checks = run_checks(place, seed, int(options.count_or("--cases", 1, 10000, usual_cases)),
                                 options.has("--real-shapes"));
  const auto wrong =
      std::count_if(checks.begin(), checks.end(), [](const auto& check) { return !check.ok(); });
  if (options.json()) {
    print_json(
        {{"device", place.device.id}, {"seed", seed}, {"ok", wrong == 0}, {"kernels", to_json(checks)}});
  } else {
    if (!gpu)
      fmt::print("No GPU is tested: these are the CPU's kernels ({}) against plain loops.\n",
                 kernels::instruction_set());
    print(checks);
  }
  if (wrong > 0)
    throw Error(ErrorKind::internal, fmt::format("{} of {} kernels compute wrongly on {} (seed {}); please "
                                                 "report it",
                                                 wrong, checks.size(), place.device.id, seed));
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

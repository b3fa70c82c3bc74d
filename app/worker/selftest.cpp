// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>

#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/tensor/kernel_check.h"

namespace intarsia::worker {
namespace {

constexpr int default_cases = 8, max_cases = 10000;

OrderedJson to_json(const KernelCheck& check) {
  return {{"kernel", check.kernel},
          {"cases", check.cases},
          {"worst", std::isfinite(check.worst) ? OrderedJson(check.worst) : OrderedJson(nullptr)},
          {"tolerance", check.tolerance},
          {"problem", check.problem},
          {"ok", check.ok()}};
}

JobResult run(const JsonObject& request, JobContext& context) {
  const DeviceChoice device = device_from(request);
  const std::uint64_t seed = request.count_or("seed", 0, INT64_MAX, 0);
  const int cases = int(request.count_or("cases", 1, max_cases, default_cases));
  const bool real_shapes = request.boolean_or("real_shapes", false);
  if (real_shapes && !device.backend)
    throw Error(ErrorKind::usage, "the shapes of real models are tested on a GPU only");
  const auto checks =
      device.backend ? device.backend->selftest(device.index, {seed, cases, real_shapes}, context.control())
                     : check_cpu_kernels(seed, cases);
  OrderedJson list = OrderedJson::array();
  bool good = true;
  for (const KernelCheck& check : checks) {
    good = good && check.ok();
    list.push_back(to_json(check));
  }
  return {{{"ok", good}, {"kernels", std::move(list)}}, {}};
}

} // namespace

Job selftest_job() { return {{"device", "seed", "cases", "real_shapes"}, run}; }

} // namespace intarsia::worker

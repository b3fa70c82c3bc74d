// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/device_jobs.h"

#include <algorithm>

#include "core/runtime/cpu_profiler.h"
#include "core/tensor/selftest.h"
#include "core/worker/device_jobs.h"
#include "core/worker/worker_jobs.h"

namespace intarsia::ui {
namespace {

constexpr int selftest_cases = 8; // of each kernel

// A case of every kernel at a time, so that it can be followed and stopped.
std::vector<KernelCheck> selftest_here(std::uint64_t seed, const JobControl& control) {
  std::vector<KernelCheck> all;
  for (int i = 0; i < selftest_cases; ++i) {
    control.throw_if_stopped();
    const auto checks = check_cpu_kernels(seed + std::uint64_t(i), 1);
    if (all.empty()) all.assign(checks.begin(), checks.end());
    for (std::size_t k = 0; k < checks.size(); ++k) {
      all[k].cases = i + 1;
      all[k].worst = std::max(all[k].worst, checks[k].worst);
    }
    control.report("selftest", i + 1, selftest_cases);
  }
  return all;
}

} // namespace

std::shared_ptr<LanguageModel> load_at(const Place& place, const OpenedModel& opened, std::size_t context,
                                       const JobControl& control) {
  if (place.worker) return load_in_worker(place.worker, opened, place.device.id, control, context);
  return load_on_cpu(opened.weights(), cpu_options(opened), control);
}

bool lives(const LanguageModel& model) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  return !remote || remote->lives();
}

void quantize_at(const Place& place, const OpenedModel& opened, const Plan& plan,
                 const std::filesystem::path& out, const QuantizeOptions& options,
                 const JobControl& control) {
  if (!place.worker) return quantize_model(*opened.checkpoint, plan, out, options, control);
  WorkerQuantizeOptions there;
  there.seed = options.seed;
  there.resume = options.resume;
  there.calibration = options.calibration;
  there.on_note = options.on_note;
  there.on_layer = options.on_layer;
  quantize_in_worker(*place.worker, place.device.id, opened.checkpoint->path(), plan, out, there, control);
}

LatencyTable profile_at(const Place& place, const OpenedModel& opened, const JobControl& control) {
  if (place.device.kind == DeviceKind::cuda)
    return profile_in_worker(*place.worker, place.device.id, opened.checkpoint->path(), control);
  ProfileOptions options;
  options.context = std::min(options.context, opened.config().max_positions);
  return profile_cpu(opened.config(), opened.graph(), options, control);
}

std::vector<KernelCheck> selftest_at(const Place& place, std::uint64_t seed, const JobControl& control) {
  if (!place.worker) return selftest_here(seed, control);
  return selftest_in_worker(*place.worker, place.device.id, seed, selftest_cases, control);
}

} // namespace intarsia::ui

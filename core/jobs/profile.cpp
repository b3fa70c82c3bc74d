// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/profile.h"

#include <algorithm>

#include "core/worker/worker_jobs.h"
#include "core/worker/worker_model.h"

namespace intarsia {

LatencyTable measure_latency(const ExecutionTarget& target, const OpenedModel& model, ProfileOptions options,
                             const JobControl& control) {
  if (target.is_gpu())
    return profile_in_worker(*target.worker(), target.device().id, path_of(model), control);
  options.context = std::min(options.context, model.config().max_positions);
  return profile_cpu(model.config(), model.graph(), options, control);
}

} // namespace intarsia

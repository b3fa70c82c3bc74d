// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/gpu.h"
#include "app/worker/jobs.h"

namespace intarsia::worker {

Job devices_job() {
  return {{"measure"}, [](const JsonObject& request, JobContext&) {
            return JobResult{gpu_devices(request.boolean_or("measure", true)), {}};
          }};
}

} // namespace intarsia::worker

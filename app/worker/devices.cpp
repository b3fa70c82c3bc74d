// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/gpu.h"
#include "app/worker/jobs.h"

namespace intarsia::worker {

Job devices_job() {
  return {{}, [](const JsonObject&, JobContext&) { return JobResult{gpu_devices(), {}}; }};
}

} // namespace intarsia::worker

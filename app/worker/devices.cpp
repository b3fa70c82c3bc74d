// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/backends.h"
#include "app/worker/jobs.h"

namespace intarsia::worker {

Job devices_job() {
  return {{"measure"}, [](const JsonObject& request, JobContext&) {
            return JobResult{to_json(list_devices(request.boolean_or("measure", true))), {}};
          }};
}

} // namespace intarsia::worker

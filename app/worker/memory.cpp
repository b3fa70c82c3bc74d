// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "app/worker/gpu.h"
#include "app/worker/jobs.h"
#include "core/artifact/open_model.h"

namespace intarsia::worker {

// What a GPU would need, whether there is one or not.
Job memory_job() {
  return {{"path", "context"}, [](const JsonObject& request, JobContext&) {
            const OpenedModel opened = open_model(request.string("path"));
            const std::size_t most = std::max<std::size_t>(opened.config().max_positions, 1);
            const std::size_t context = request.count_or("context", 1, most, usual_context(opened));
            return JobResult{gpu_memory(opened.weights(), context), {}};
          }};
}

} // namespace intarsia::worker

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia::worker {

Job profile_job() {
  return {ProfileRequest::fields, [](const JsonObject& json, JobContext& context) -> JobResult {
            const ProfileRequest request = profile_request_from(json);
            const DeviceChoice device = device_from(request.device);
            const OpenedModel opened = open_model(request.path);
            if (!device.backend)
              throw Error(ErrorKind::unsupported,
                          "this version measures latencies on a GPU only; import a table instead");
            LatencyTable table =
                device.backend->profile(device.index, opened.config(), opened.graph(), context.control());
            table.model = opened.config().name;
            return {{{"table", to_json(table)}}, {}};
          }};
}

} // namespace intarsia::worker

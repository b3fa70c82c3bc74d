// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"

namespace intarsia::worker {

Job profile_job() {
  return {{"path", "device"}, [](const JsonObject& request, JobContext& context) -> JobResult {
            const DeviceChoice device = device_from(request);
            const OpenedModel opened = open_model(request.string("path"));
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

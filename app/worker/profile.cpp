// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"

namespace intarsia::worker {

Job profile_job() {
  return {{"path", "device"}, [](const JsonObject& request, JobContext& context) -> JobResult {
            const DeviceChoice device = device_from(request);
            const OpenedModel opened = open_model(request.string("path"));
            if (device.gpu) load_on_device(device, opened, context.control());
            throw Error(ErrorKind::unsupported, "this version measures no latencies; import a table instead");
          }};
}

} // namespace intarsia::worker

// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/backends.h"
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"

namespace intarsia::worker {

Job load_job() {
  return {{"path", "device", "context"}, [](const JsonObject& request, JobContext& context) {
            const DeviceChoice device = device_from(request);
            LoadedModel loaded{open_model(request.string("path")), nullptr, device};
            const std::size_t tokens = request.count_or("context", 1, largest_capacity, 0);
            loaded.model = load_on_device(device, loaded.opened, context.control(), tokens,
                                          context.models.reserved(device));
            if (device.backend && tokens > 0)
              loaded.reserved = device.backend->sequence_bytes(loaded.opened.config(), tokens);
            OrderedJson result{{"model", 0},
                               {"vocabulary", loaded.model->config().vocabulary},
                               {"weight_bytes", loaded.model->weight_bytes()}};
            if (const std::string note = loaded.model->note(); !note.empty()) result["note"] = note;
            if (device.backend) result["memory"] = memory_json(*device.backend, device.index);
            result["model"] = context.models.add(std::move(loaded));
            return JobResult{std::move(result), {}};
          }};
}

Job unload_job() {
  return {{"model"}, [](const JsonObject& request, JobContext& context) {
            context.models.unload(request);
            return JobResult{};
          }};
}

} // namespace intarsia::worker

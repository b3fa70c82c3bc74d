// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/worker/protocol/job_replies.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia::worker {

Job load_job() {
  return {LoadRequest::fields, [](const JsonObject& json, JobContext& context) {
            const LoadRequest request = load_request_from(json);
            const DeviceChoice device = device_from(request.device);
            LoadedModel loaded{open_model(request.path), nullptr, device};
            const std::size_t tokens = request.context;
            loaded.model = load_on_device(device, loaded.opened, context.control(), tokens,
                                          context.models.reserved(device));
            if (device.backend && tokens > 0)
              loaded.reserved = device.backend->sequence_bytes(loaded.opened.config(), tokens);
            OrderedJson result{{"model", 0},
                               {"vocabulary", loaded.model->config().vocabulary},
                               {"weight_bytes", loaded.model->weight_bytes()}};
            if (const std::string note = loaded.model->note(); !note.empty()) result["note"] = note;
            if (device.backend) result["memory"] = to_json(device.backend->memory(device.index));
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

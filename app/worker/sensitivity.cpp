// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/measure_sensitivity.h"

#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& json, JobContext& context) {
  const SensitivityRequest request = sensitivity_request_from(json);
  const DeviceChoice device = device_from(request.device);
  const OpenedModel opened = open_model(request.path);
  require_in_vocabulary(request.tokens, opened.config().vocabulary, "the request: field \"tokens\"");
  const auto model = load_on_device(device, opened, context.control());
  OnEstimate on_estimate; // none: all at once, which is quicker
  if (request.estimates)
    on_estimate = [&](const Sensitivity& so_far) {
      context.event({{"estimate", to_json(so_far)}});
      return true; // who has enough of it cancels
    };
  const Sensitivity result = measure_sensitivity_here(*model, opened, request.tokens, request.options,
                                                      context.control(), on_estimate);
  return {{{"sensitivity", to_json(result)}}, {}};
}

} // namespace

Job sensitivity_job() { return {SensitivityRequest::fields, run}; }

} // namespace intarsia::worker

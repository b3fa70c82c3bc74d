// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sensitivity/sensitivity.h"

#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& request, JobContext& context) {
  const DeviceChoice device = device_from(request);
  const SensitivityOptions options =
      request.has("options") ? sensitivity_options_from(request.object("options")) : SensitivityOptions();
  const OpenedModel opened = open_model(request.string("path"));
  std::vector<int> text;
  if (request.has("tokens")) text = tokens_from(request, "tokens", opened.config().vocabulary);
  const auto model = load_on_device(device, opened, context.control());
  const Sensitivity result =
      estimate_sensitivity(*model, opened.weights(), opened.config().name, text, options, context.control());
  return {{{"sensitivity", to_json(result)}}, {}};
}

} // namespace

Job sensitivity_job() { return {{"path", "device", "tokens", "options"}, run}; }

} // namespace intarsia::worker

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/artifact/quantize_job.h"

#include "app/worker/device_choice.h"
#include "app/worker/gpu.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

// The model that runs over the text, and what is gathered of it.
struct CalibrationRun {
  std::unique_ptr<LanguageModel> model;
  std::unique_ptr<Calibration> calibration;

  CalibrationRun(const JsonObject& field, const DeviceChoice& device, const OpenedModel& opened,
                 const JobControl& control) {
    CalibrationOptions options;
    options.tokens = field.count_or("most", 256, 1 << 30, options.tokens);
    const auto tokens = tokens_from(field, "tokens", opened.config().vocabulary);
    model = load_on_device(device, opened, control);
    calibration = std::make_unique<Calibration>(*model, tokens, options);
  }
};

JobResult run(const JsonObject& request, JobContext& context) {
  const DeviceChoice device = device_from(request);
  const OpenedModel opened = open_model(request.string("path"));
  if (opened.artifact)
    throw Error(ErrorKind::usage,
                opened.artifact->path().string() + " is quantized already; name the original model");
  const std::string out = request.string("out");
  const Plan plan = parse_plan(request["plan"], opened.graph(), "the request: plan");
  QuantizeOptions options;
  if (device.gpu) options.encode = gpu_encoder(device.index);
  options.seed = request.count_or("seed", 0, INT64_MAX, options.seed);
  options.resume = request.boolean_or("resume", false);
  std::optional<CalibrationRun> calibration;
  if (request.has("calibration")) {
    calibration.emplace(request.object("calibration"), device, opened, context.control());
    options.calibration = calibration->calibration.get();
  }
  std::size_t layers = 0;
  options.on_layer = [&](const LayerDone& layer) {
    ++layers;
    context.event({{"layer", to_json(layer)}});
  };
  quantize_model(*opened.checkpoint, plan, out, options, context.control());
  return {{{"artifact", out}, {"layers", layers}}, {}};
}

} // namespace

Job quantize_job() { return {{"path", "device", "plan", "out", "seed", "resume", "calibration"}, run}; }

} // namespace intarsia::worker

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/artifact/quantize_job.h"

#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& request, JobContext& context) {
  const DeviceChoice device = device_from(request);
  const OpenedModel opened = open_model(request.string("path"));
  if (opened.artifact)
    throw Error(ErrorKind::usage,
                opened.artifact->path().string() + " is quantized already; name the original model");
  const std::string out = request.string("out");
  const Plan plan = parse_plan(request["plan"], opened.graph(), "the request: plan");
  QuantizeOptions options;
  if (device.backend) {
    options.encode = device.backend->encoder(device.index);
    options.load = [&](const JobControl& control) { return load_on_device(device, opened, control); };
  }
  options.seed = request.count_or("seed", 0, INT64_MAX, options.seed);
  options.resume = request.boolean_or("resume", false);
  if (request.has("calibration")) options.calibration = calibration_from(request.object("calibration"));
  options.on_note = [&](const std::string& note) { context.event({{"note", note}}); };
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

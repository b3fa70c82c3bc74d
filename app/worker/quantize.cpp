// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/quantize_job.h"

#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& json, JobContext& context) {
  const QuantizeRequest request = quantize_request_from(json);
  const DeviceChoice device = device_from(request.device);
  const OpenedModel opened = open_model(request.path);
  if (opened.artifact)
    throw Error(ErrorKind::usage,
                opened.artifact->path().string() + " is quantized already; name the original model");
  const Plan plan = parse_plan(request.plan, opened.graph(), "the request: plan");
  QuantizeOptions options;
  if (device.backend) {
    options.encode = device.backend->encoder(device.index);
    options.load = [&](const JobControl& control) { return load_on_device(device, opened, control); };
  }
  options.seed = request.seed;
  options.resume = request.resume;
  options.calibration = request.calibration;
  options.on_note = [&](const std::string& note) { context.event({{"note", note}}); };
  std::size_t layers = 0;
  options.on_layer = [&](const LayerDone& layer) {
    ++layers;
    context.event({{"layer", to_json(layer)}});
  };
  quantize_model(*opened.checkpoint, plan, request.out, options, context.control());
  return {{{"artifact", request.out}, {"layers", layers}}, {}};
}

} // namespace

Job quantize_job() { return {QuantizeRequest::fields, run}; }

} // namespace intarsia::worker

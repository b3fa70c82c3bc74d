// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/artifact/open_model.h"
#include "core/base/error.h"
#include "core/device/memory_info.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/worker/protocol/job_replies.h"

namespace intarsia::worker {

namespace {

// Bytes of device memory that the model and one sequence of so many tokens take on any GPU.
OrderedJson gpu_memory(const WeightSource& weights, std::size_t context) {
  const auto plan = cuda::device_memory_plan(
      weights.config(), weights.graph(),
      [&](const LinearLayer& layer) { return weights.quantizer_of(layer); }, context);
  OrderedJson parts = OrderedJson::object();
  for (int use = 0; use < cuda::memory_uses; ++use)
    parts[cuda::use_name(cuda::MemoryUse(use))] = plan.bytes(cuda::MemoryUse(use));
  return {{"total", plan.total()}, {"parts", std::move(parts)}};
}

// What a GPU would need, whether there is one or not; and on one that is there, what CUDA takes beside it.
JobResult predict(const JsonObject& request, JobContext&) {
  const OpenedModel opened = open_model(request.string("path"));
  const std::size_t context = request.count_or("context", 1, max_capacity, default_context(opened));
  OrderedJson result = gpu_memory(opened.weights(), context);
  if (!request.has("device")) return {std::move(result), {}};
  const DeviceChoice device = device_from(request.string("device"));
  if (!device.backend)
    throw Error(ErrorKind::usage,
                "the request: field \"device\" is not a GPU: of the CPU's memory there is no plan");
  result["overhead"] = to_json(device.backend->memory(device.index))["overhead"];
  return {std::move(result), {}};
}

// What this process has taken of a device's memory.
JobResult usage(const JsonObject& request, JobContext&) {
  const DeviceChoice device = device_from(request.string("device"));
  return {device.backend ? to_json(device.backend->memory(device.index))
                         : OrderedJson{{"peak", peak_memory()}},
          {}};
}

} // namespace

Job memory_job() { return {{"path", "context", "device"}, predict}; }

Job usage_job() { return {{"device"}, usage}; }

} // namespace intarsia::worker

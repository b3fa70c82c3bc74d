// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/gpu.h"
#include "core/base/error.h"
#include "cuda/backend.h"
#include "cuda/device_query.h"
#include "cuda/encoders.h"
#include "cuda/memory_plan.h"
#include "cuda/profiler.h"
#include "cuda/selftest.h"

namespace intarsia::worker {
namespace {

constexpr int bandwidth_megabytes = 256; // larger than any L2, small beside any card's memory

std::string name_of(int index) { return "cuda:" + std::to_string(index); }

// Null where the card has no room for it: that is no reason not to list it.
OrderedJson measured_bandwidth(int index) {
  try {
    return cuda::measure_copy_bandwidth(index, bandwidth_megabytes);
  } catch (const std::exception&) {
    if (cuda::gpu_is_lost()) throw;
    return nullptr;
  }
}

} // namespace

OrderedJson gpu_devices(bool bandwidth) {
  const auto report = cuda::query_devices();
  OrderedJson list = OrderedJson::array();
  for (const auto& device : report.devices)
    list.push_back({{"id", name_of(device.index)},
                    {"name", device.name},
                    {"memory_total", device.memory_total},
                    {"memory_free", device.memory_free},
                    {"capability",
                     std::to_string(device.capability_major) + "." + std::to_string(device.capability_minor)},
                    {"multiprocessors", device.multiprocessors},
                    {"bandwidth", bandwidth ? measured_bandwidth(device.index) : OrderedJson(nullptr)}});
  return {{"devices", list}, {"driver_version", report.driver_version}, {"problem", report.problem}};
}

void require_gpu(int index) {
  const auto report = cuda::query_devices();
  if (!report.problem.empty()) throw Error(ErrorKind::resource, name_of(index) + ": " + report.problem);
  if (std::size_t(index) >= report.devices.size())
    throw Error(ErrorKind::resource, "there is no GPU " + name_of(index) + "; the last one is " +
                                         name_of(int(report.devices.size()) - 1));
}

std::unique_ptr<LanguageModel> load_on_gpu(int index, const WeightSource& weights,
                                           const JobControl& control) {
  require_gpu(index);
  return cuda::load_on_cuda(index, weights, control);
}

EncodeLinear gpu_encoder(int index) {
  require_gpu(index);
  return [encoder = cuda::DeviceEncoder(index)](const LinearSource& source, const JobControl& control) {
    return encoder.quantize(source, control);
  };
}

std::vector<KernelCheck> selftest_gpu(int index, std::uint64_t seed, int cases, const JobControl& control) {
  require_gpu(index);
  return cuda::selftest(index, {.seed = seed, .cases = cases}, control);
}

OrderedJson gpu_memory(const WeightSource& weights, std::size_t context) {
  const auto plan = cuda::device_memory_plan(
      weights.config(), weights.graph(),
      [&](const LinearLayer& layer) { return weights.quantizer_of(layer); }, context);
  OrderedJson parts = OrderedJson::object();
  for (int use = 0; use < cuda::memory_uses; ++use)
    parts[cuda::use_name(cuda::MemoryUse(use))] = plan.bytes(cuda::MemoryUse(use));
  return {{"total", plan.total()}, {"parts", std::move(parts)}};
}

LatencyTable profile_gpu(int index, const ModelConfig& config, const LayerGraph& graph,
                         const JobControl& control) {
  require_gpu(index);
  const auto device = cuda::query_devices().devices.at(std::size_t(index));
  LatencyTable table = cuda::profile(index, config, graph, {}, control);
  table.device_name = device.name;
  table.device_memory = device.memory_total;
  return table;
}

bool gpu_is_lost() { return cuda::gpu_is_lost(); }

} // namespace intarsia::worker

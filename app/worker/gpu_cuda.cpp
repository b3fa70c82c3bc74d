// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/gpu.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/device/nvidia.h"
#include "core/memory/cuda/memory_plan.h"
#include "cuda/backend.h"
#include "cuda/device_query.h"
#include "cuda/device_use.h"
#include "cuda/encoders.h"
#include "cuda/profiler.h"
#include "cuda/selftest.h"

namespace intarsia::worker {
namespace {

constexpr int bandwidth_megabytes = 256; // larger than any L2, small beside any card's memory

OrderedJson to_json(const cuda::DeviceOverhead& overhead) {
  return {{"context", overhead.context}, {"cublas", overhead.cublas}};
}

cuda::DeviceMemoryPlan plan_of(const WeightSource& weights, std::size_t context) {
  return cuda::device_memory_plan(
      weights.config(), weights.graph(),
      [&](const LinearLayer& layer) { return weights.quantizer_of(layer); }, context);
}

std::vector<std::optional<std::uint64_t>> free_by_driver() {
  std::vector<std::optional<std::uint64_t>> free;
  for (int index = 0;; ++index) {
    const std::string id = cuda::pci_bus_id(index);
    if (id.empty()) return free;
    free.push_back(free_gpu_memory(id));
  }
}

// Bytes that CUDA's context takes on each GPU, 0 where the driver does not tell. query_devices() makes one on
// all of them: this has to be asked first.
const std::vector<std::uint64_t>& context_bytes() {
  static const std::vector<std::uint64_t> bytes = [] {
    const auto before = free_by_driver();
    cuda::query_devices();
    const auto after = free_by_driver();
    std::vector<std::uint64_t> taken(before.size(), 0);
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
      if (before[i] && after[i] && *before[i] > *after[i]) taken[i] = *before[i] - *after[i];
    return taken;
  }();
  return bytes;
}

// Of the GPUs that this process has been asked to use. Jobs are done by one thread.
std::map<int, cuda::DeviceUse>& uses() {
  static std::map<int, cuda::DeviceUse> map;
  return map;
}

cuda::DeviceUse& use_of(int index) {
  return uses().try_emplace(index, index, context_bytes().at(std::size_t(index))).first->second;
}

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

OrderedJson gpu_devices(bool measure) {
  context_bytes();
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
                    {"bandwidth", measure ? measured_bandwidth(device.index) : OrderedJson(nullptr)},
                    {"overhead", measure ? to_json(use_of(device.index).overhead()) : OrderedJson(nullptr)}});
  return {{"devices", list}, {"driver_version", report.driver_version}, {"problem", report.problem}};
}

void require_gpu(int index) {
  context_bytes();
  const auto report = cuda::query_devices();
  if (!report.problem.empty()) throw Error(ErrorKind::resource, name_of(index) + ": " + report.problem);
  if (std::size_t(index) >= report.devices.size())
    throw Error(ErrorKind::resource, "there is no GPU " + name_of(index) + "; the last one is " +
                                         name_of(int(report.devices.size()) - 1));
}

std::unique_ptr<LanguageModel> load_on_gpu(int index, const WeightSource& weights, std::size_t context,
                                           std::uint64_t promised, const JobControl& control) {
  require_gpu(index);
  auto plan = plan_of(weights, std::max<std::size_t>(context, 1));
  if (context == 0) plan.sequence = {};
  use_of(index).require_room(plan, context, promised);
  return cuda::load_on_cuda(index, weights, control);
}

std::uint64_t gpu_sequence_bytes(const ModelConfig& config, std::size_t context) {
  return cuda::sequence_arena(config, context).bytes();
}

OrderedJson gpu_usage(int index) {
  require_gpu(index);
  cuda::DeviceUse& use = use_of(index);
  use.note();
  const auto device = cuda::query_devices().devices.at(std::size_t(index));
  return {{"overhead", to_json(use.overhead())},
          {"peak", use.peak()},
          {"free", device.memory_free},
          {"total", device.memory_total}};
}

void note_gpu_memory() noexcept {
  for (auto& [index, use] : uses()) use.note();
}

EncodeLinear gpu_encoder(int index) {
  require_gpu(index);
  return [encoder = cuda::DeviceEncoder(index)](const LinearSource& source, const JobControl& control) {
    return encoder.quantize(source, control);
  };
}

std::vector<KernelCheck> selftest_gpu(int index, std::uint64_t seed, int cases, bool real_shapes,
                                      const JobControl& control) {
  require_gpu(index);
  return cuda::selftest(index, {.seed = seed, .cases = cases, .real_shapes = real_shapes}, control);
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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/cuda_backend.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/device/nvidia.h"
#include "core/memory/cuda/memory_plan.h"
#include "cuda/backend/device_query.h"
#include "cuda/backend/device_use.h"
#include "cuda/backend/load_on_cuda.h"
#include "cuda/encode/encoders.h"
#include "cuda/profile/profiler.h"
#include "cuda/selftest/selftest.h"

namespace intarsia::cuda {
namespace {

constexpr int bandwidth_megabytes = 256; // larger than any L2, small beside any card's memory

std::string name_of(int index) { return "cuda:" + std::to_string(index); }

std::vector<std::optional<std::uint64_t>> free_by_driver() {
  std::vector<std::optional<std::uint64_t>> free;
  for (int index = 0;; ++index) {
    const std::string id = pci_bus_id(index);
    if (id.empty()) return free;
    free.push_back(free_gpu_memory(id));
  }
}

// Bytes that CUDA's context takes on each GPU, 0 where the driver does not tell. query_devices() makes one on
// all of them: this has to be asked first.
const std::vector<std::uint64_t>& context_bytes() {
  static const std::vector<std::uint64_t> bytes = [] {
    const auto before = free_by_driver();
    query_devices();
    const auto after = free_by_driver();
    std::vector<std::uint64_t> taken(before.size(), 0);
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
      if (before[i] && after[i] && *before[i] > *after[i]) taken[i] = *before[i] - *after[i];
    return taken;
  }();
  return bytes;
}

// Nothing where the card has no room for it: that is no reason not to list it.
std::optional<double> measured_bandwidth(int index) {
  try {
    return measure_copy_bandwidth(index, bandwidth_megabytes);
  } catch (const std::exception&) {
    if (gpu_is_lost()) throw;
    return std::nullopt;
  }
}

class CudaBackend : public DeviceBackend {
 public:
  std::string name() const override { return "cuda"; }

  BackendDevices devices(bool measure) override {
    context_bytes();
    const auto report = query_devices();
    BackendDevices list{{}, report.driver_version, report.problem};
    for (const auto& device : report.devices) {
      list.devices.push_back(
          {device.index, device.name, device.memory_total, device.memory_free,
           std::to_string(device.capability_major) + "." + std::to_string(device.capability_minor),
           device.multiprocessors, std::nullopt, std::nullopt});
      if (!measure) continue;
      list.devices.back().bandwidth = measured_bandwidth(device.index);
      list.devices.back().overhead = overhead_of(device.index);
    }
    return list;
  }

  void require(int index) override {
    context_bytes();
    const auto report = query_devices();
    if (!report.problem.empty()) throw Error(ErrorKind::resource, name_of(index) + ": " + report.problem);
    if (std::size_t(index) >= report.devices.size())
      throw Error(ErrorKind::resource, "there is no GPU " + name_of(index) + "; the last one is " +
                                           name_of(int(report.devices.size()) - 1));
  }

  std::unique_ptr<LanguageModel> load(int index, const WeightSource& weights, std::size_t context,
                                      std::uint64_t reserved, const JobControl& control) override {
    require(index);
    auto plan = device_memory_plan(
        weights.config(), weights.graph(),
        [&](const LinearLayer& layer) { return weights.quantizer_of(layer); },
        std::max<std::size_t>(context, 1));
    if (context == 0) plan.sequence = {};
    use_of(index).require_room(plan, context, reserved);
    return load_on_cuda(index, weights, control);
  }

  std::uint64_t sequence_bytes(const ModelConfig& config, std::size_t context) const override {
    return sequence_arena(config, context).bytes();
  }

  EncodeLinear encoder(int index) override {
    require(index);
    return [encoder = DeviceEncoder(index)](const LinearSource& source, const JobControl& control) {
      return encoder.quantize(source, control);
    };
  }

  LatencyTable profile(int index, const ModelConfig& config, const LayerGraph& graph,
                       const JobControl& control) override {
    require(index);
    const auto device = query_devices().devices.at(std::size_t(index));
    LatencyTable table = cuda::profile(index, config, graph, {}, control);
    table.device_name = device.name;
    table.device_memory = device.memory_total;
    return table;
  }

  std::vector<KernelCheck> selftest(int index, const BackendSelftest& what,
                                    const JobControl& control) override {
    require(index);
    return cuda::selftest(index, {.seed = what.seed, .cases = what.cases, .real_shapes = what.real_shapes},
                          control);
  }

  BackendMemory memory(int index) override {
    require(index);
    DeviceUse& use = use_of(index);
    use.note();
    const auto device = query_devices().devices.at(std::size_t(index));
    return {overhead_of(index), use.peak(), device.memory_free, device.memory_total};
  }

  void record_peak_memory() noexcept override {
    for (auto& [index, use] : uses_) use.note();
  }

  bool is_lost() const noexcept override { return gpu_is_lost(); }

 private:
  DeviceUse& use_of(int index) {
    return uses_.try_emplace(index, index, context_bytes().at(std::size_t(index))).first->second;
  }
  BackendOverhead overhead_of(int index) {
    const DeviceOverhead& overhead = use_of(index).overhead();
    return {overhead.context, overhead.cublas};
  }

  std::map<int, DeviceUse> uses_; // of the GPUs that this process has been asked to use
};

} // namespace

std::unique_ptr<DeviceBackend> cuda_backend() { return std::make_unique<CudaBackend>(); }

} // namespace intarsia::cuda

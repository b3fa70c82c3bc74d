// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/backends.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#ifdef INTARSIA_HAVE_CUDA
#include "cuda/cuda_backend.h"
#endif

namespace intarsia::worker {
namespace {

constexpr const char* without_cuda =
    "this build of Intarsia has no CUDA (no nvcc was found when it was built): go on with --device cpu";

std::vector<std::unique_ptr<DeviceBackend>>& backends() {
  static std::vector<std::unique_ptr<DeviceBackend>> all = [] {
    std::vector<std::unique_ptr<DeviceBackend>> built;
#ifdef INTARSIA_HAVE_CUDA
    built.push_back(cuda::cuda_backend());
#endif
    return built;
  }();
  return all;
}

OrderedJson to_json(const BackendOverhead& overhead) {
  return {{"context", overhead.context}, {"cublas", overhead.library}};
}

OrderedJson to_json(const DeviceBackend& backend, const BackendDevice& device) {
  return {{"id", backend.name() + ":" + std::to_string(device.index)},
          {"name", device.name},
          {"memory_total", device.memory_total},
          {"memory_free", device.memory_free},
          {"capability", device.capability},
          {"multiprocessors", device.multiprocessors},
          {"bandwidth", device.bandwidth ? OrderedJson(*device.bandwidth) : OrderedJson(nullptr)},
          {"overhead", device.overhead ? to_json(*device.overhead) : OrderedJson(nullptr)}};
}

} // namespace

DeviceBackend* find_backend(const std::string& name) {
  for (const auto& backend : backends())
    if (backend->name() == name) return backend.get();
  if (name == "cuda") throw Error(ErrorKind::unsupported, without_cuda);
  return nullptr;
}

OrderedJson list_devices(bool measure) {
  OrderedJson list = OrderedJson::array();
  int driver_version = 0;
  std::string problem = backends().empty() ? without_cuda : "";
  for (const auto& backend : backends()) {
    const BackendDevices found = backend->devices(measure);
    for (const BackendDevice& device : found.devices) list.push_back(to_json(*backend, device));
    driver_version = std::max(driver_version, found.driver_version);
    if (problem.empty()) problem = found.problem;
  }
  return {{"devices", list}, {"driver_version", driver_version}, {"problem", problem}};
}

OrderedJson memory_json(DeviceBackend& backend, int index) {
  const BackendMemory memory = backend.memory(index);
  return {{"overhead", to_json(memory.overhead)},
          {"peak", memory.peak},
          {"free", memory.free},
          {"total", memory.total}};
}

void note_device_memory() noexcept {
  for (const auto& backend : backends()) backend->note_memory();
}

bool a_device_is_lost() noexcept {
  return std::any_of(backends().begin(), backends().end(), [](const auto& each) { return each->is_lost(); });
}

} // namespace intarsia::worker

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/backends.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"

// INTARSIA_BACKENDS, from CMake, is backend(NAME) for every backend that this worker is built with.
#define backend(name)                                                                                        \
  namespace intarsia::name {                                                                                 \
  std::unique_ptr<DeviceBackend> name##_backend();                                                           \
  }
INTARSIA_BACKENDS
#undef backend

namespace intarsia::worker {
namespace {

constexpr const char* without_cuda =
    "this build of Intarsia has no CUDA (no nvcc was found when it was built): go on with --device cpu";

std::vector<std::unique_ptr<DeviceBackend>>& backends() {
  static std::vector<std::unique_ptr<DeviceBackend>> all = [] {
    std::vector<std::unique_ptr<DeviceBackend>> built;
#define backend(name) built.push_back(name::name##_backend());
    INTARSIA_BACKENDS
#undef backend
    return built;
  }();
  return all;
}

} // namespace

DeviceBackend* find_backend(const std::string& name) {
  for (const auto& backend : backends())
    if (backend->name() == name) return backend.get();
  if (name == "cuda") throw Error(ErrorKind::unsupported, without_cuda);
  return nullptr;
}

DevicesReply list_devices(bool measure) {
  DevicesReply reply;
  reply.problem = backends().empty() ? without_cuda : "";
  for (const auto& backend : backends()) {
    const BackendDevices found = backend->devices(measure);
    for (const BackendDevice& device : found.devices)
      reply.devices.push_back({backend->name() + ":" + std::to_string(device.index), device});
    reply.driver_version = std::max(reply.driver_version, found.driver_version);
    if (reply.problem.empty()) reply.problem = found.problem;
  }
  return reply;
}

void note_device_memory() noexcept {
  for (const auto& backend : backends()) backend->record_peak_memory();
}

bool a_device_is_lost() noexcept {
  return std::any_of(backends().begin(), backends().end(), [](const auto& each) { return each->is_lost(); });
}

} // namespace intarsia::worker

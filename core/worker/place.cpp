// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/worker/place.h"

#include <cstdlib>
#include <string_view>

namespace intarsia {

bool uses_worker(const Device& device) {
  const char* in_worker = std::getenv("INTARSIA_CPU_IN_WORKER");
  return device.kind == DeviceKind::cuda || (in_worker && std::string_view(in_worker) == "1");
}

Place place_on(Device device, std::size_t threads) {
  if (!uses_worker(device)) return {std::move(device), nullptr};
  WorkerOptions options;
  options.program = worker_program();
  options.threads = threads;
  return {std::move(device), std::make_shared<WorkerClient>(std::move(options))};
}

} // namespace intarsia

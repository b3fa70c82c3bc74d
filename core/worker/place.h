// SPDX-License-Identifier: GPL-3.0-or-later
// Where jobs compute: the CPU in this process, a GPU in a worker process.
#pragma once

#include <memory>

#include "core/device/device.h"
#include "core/worker/worker_client.h"

namespace intarsia {

struct Place {
  Device device;
  std::shared_ptr<WorkerClient> worker; // null: in this process
};

// A GPU; with INTARSIA_CPU_IN_WORKER=1 in the environment the CPU too: that is how tests walk the whole way
// where there is no GPU.
bool uses_worker(const Device& device);

// `threads`: of a worker, 0: one a core. Throws Error{resource} when there is no worker program.
Place place_on(Device device, std::size_t threads = 0);

} // namespace intarsia

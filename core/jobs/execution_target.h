// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where jobs compute, decided here alone: the CPU in this process, a GPU in a worker process.
#pragma once

#include <memory>
#include <mutex>

#include "core/device/device.h"
#include "core/worker/worker_client.h"

namespace intarsia {

class ExecutionTarget {
 public:
  // `threads`: of a worker; 0: one a core. Starts nothing.
  explicit ExecutionTarget(Device device, std::size_t threads = 0);

  const Device& device() const { return device_; }
  bool is_gpu() const { return device_.kind != DeviceKind::cpu; }
  // A GPU; with INTARSIA_CPU_IN_WORKER=1 in the environment the CPU too: that is how tests take the whole
  // path where there is no GPU.
  bool in_worker() const { return in_worker_; }
  // Thread-safe; null where jobs are done in this process. The worker program is looked for when a job first
  // asks, so that its absence is that job's failure: throws Error{resource}.
  std::shared_ptr<WorkerClient> worker() const;

 private:
  Device device_;
  std::size_t threads_;
  bool in_worker_;
  mutable std::mutex mutex_; // of the client
  mutable std::shared_ptr<WorkerClient> client_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where a job is computed: on the CPU in this process, on a GPU in a worker process. Nothing else decides
// this.
#pragma once

#include <memory>
#include <mutex>

#include "core/device/device.h"
#include "core/worker/worker_client.h"

namespace intarsia {

class ExecutionTarget {
 public:
  // `threads`: of a worker; 0: one per core. Starts no process.
  explicit ExecutionTarget(Device device, std::size_t threads = 0);

  const Device& device() const { return device_; }
  bool is_gpu() const { return device_.kind != DeviceKind::cpu; }
  // True for a GPU, and with INTARSIA_CPU_IN_WORKER=1 in the environment for the CPU too, so that tests cover
  // the worker without a GPU.
  bool in_worker() const { return in_worker_; }
  // Null where jobs are computed in this process. Thread-safe. The worker program is looked up at the first
  // call; throws Error{resource} when it is missing.
  std::shared_ptr<WorkerClient> worker() const;

 private:
  Device device_;
  std::size_t threads_;
  bool in_worker_;
  mutable std::mutex mutex_; // of client_
  mutable std::shared_ptr<WorkerClient> client_;
};

} // namespace intarsia

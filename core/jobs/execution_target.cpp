// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/execution_target.h"

#include <cstdlib>
#include <string_view>

namespace intarsia {
namespace {

bool cpu_is_in_worker() {
  const char* set = std::getenv("INTARSIA_CPU_IN_WORKER");
  return set && std::string_view(set) == "1";
}

} // namespace

ExecutionTarget::ExecutionTarget(Device device, std::size_t threads)
    : device_(std::move(device))
    , threads_(threads)
    , in_worker_(is_gpu() || cpu_is_in_worker()) {}

std::shared_ptr<WorkerClient> ExecutionTarget::worker() const {
  if (!in_worker_) return nullptr;
  const std::lock_guard lock(mutex_);
  if (!client_) {
    WorkerOptions options;
    options.program = worker_program();
    options.threads = threads_;
    client_ = std::make_shared<WorkerClient>(std::move(options));
  }
  return client_;
}

} // namespace intarsia

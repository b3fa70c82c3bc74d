// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/memory.h"

#include "core/allocation/plan_memory.h"
#include "core/device/memory_info.h"
#include "core/worker/worker_jobs.h"

namespace intarsia {

std::shared_ptr<const MemoryModel> memory_of(const ExecutionTarget& target) {
  Device device = target.device();
  if (target.is_gpu() && !device.backend_bytes)
    device.backend_bytes = backend_memory_in_worker(*target.worker(), device.id);
  return memory_of(device);
}

std::optional<std::uint64_t> predicted_memory(const ExecutionTarget& target,
                                              std::span<const OpenedModel* const> models,
                                              std::size_t context) {
  if (!target.is_gpu()) return std::nullopt;
  return predicted_gpu_memory(*target.worker(), target.device().id, models, context);
}

std::uint64_t cpu_memory_needed(const OpenedModel& model, std::size_t context) {
  if (!model.artifact) return 2 * f16_model_bytes(model.graph(), model.config());
  Plan plan = model.artifact->plan();
  if (model.kv_cache) plan.budgets.kv_cache = *model.kv_cache;
  return plan_memory(*cpu_memory(), model.config(), model.graph(), plan, context).total();
}

std::uint64_t peak_memory(const ExecutionTarget& target) {
  if (!target.in_worker()) return peak_memory();
  return peak_memory_in_worker(*target.worker(), target.device().id);
}

} // namespace intarsia

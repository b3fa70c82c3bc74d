// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/load.h"

#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/jobs/memory.h"
#include "core/worker/worker_model.h"

namespace intarsia {
namespace {

// A GPU's is checked by the worker, which alone knows what is free there.
void require_cpu_memory(const OpenedModel& model, std::size_t context) {
  const std::uint64_t needed = cpu_memory_needed(model, context), free = available_memory();
  if (free != 0 && needed > free)
    throw Error(ErrorKind::resource, path_of(model).string() + ": needs " + format_bytes(needed) +
                                         " of memory to run, but only " + format_bytes(free) + " are free");
}

} // namespace

std::unique_ptr<LanguageModel> load(const ExecutionTarget& target, const OpenedModel& model,
                                    std::size_t context, const JobControl& control) {
  if (target.is_gpu() && model.kv_cache == KvPrecision::q8)
    throw Error(ErrorKind::unsupported, "the KV cache is held in q8 on the CPU only: leave --kv-cache out");
  if (target.in_worker()) return load_in_worker(target.worker(), model, target.device().id, control, context);
  require_cpu_memory(model, context);
  return load_on_cpu(model.weights(), cpu_options(model), control);
}

bool is_alive(const LanguageModel& model) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  return !remote || remote->is_alive();
}

} // namespace intarsia

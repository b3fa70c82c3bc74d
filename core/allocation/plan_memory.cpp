// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/plan_memory.h"

namespace intarsia {

ModelMemory plan_memory(const MemoryModel& memory, const ModelConfig& config, const LayerGraph& graph,
                        const Plan& plan, std::size_t context) {
  return memory.predict({config, graph, context, plan.budgets.kv_cache},
                        [&](const LinearLayer& layer) { return plan.quantizer_of(layer); });
}

} // namespace intarsia

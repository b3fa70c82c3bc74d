// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/allocation/plan.h"
#include "core/memory/memory_model.h"

namespace intarsia {

// Everything of a planned model, with a KV cache of `context` tokens as the plan wants it held.
ModelMemory plan_memory(const MemoryModel& memory, const ModelConfig& config, const LayerGraph& graph,
                        const Plan& plan, std::size_t context);

} // namespace intarsia

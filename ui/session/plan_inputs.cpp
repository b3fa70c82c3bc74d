// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/plan_inputs.h"

namespace intarsia::ui {

bool same_memory(const MemoryBudget& a, const MemoryBudget& b) {
  if (a.index() != b.index()) return false;
  if (const auto* bits = std::get_if<BitsPerWeight>(&a)) return bits->bits == std::get<BitsPerWeight>(b).bits;
  if (const auto* part = std::get_if<ModelFraction>(&a))
    return part->fraction == std::get<ModelFraction>(b).fraction;
  return std::get<MemoryBytes>(a).bytes == std::get<MemoryBytes>(b).bytes;
}

bool operator==(const PlanInputs& a, const PlanInputs& b) {
  return same_memory(a.memory, b.memory) && a.latency_seconds == b.latency_seconds &&
         a.context == b.context && a.families == b.families && a.pins == b.pins && a.forbidden == b.forbidden;
}

} // namespace intarsia::ui

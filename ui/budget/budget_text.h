// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Budgets as people write and read them, and what more of one would buy.
#pragma once

#include <QString>

#include "ui/session/planner.h"

namespace intarsia::ui {

// In the budget's own unit: "5.20 GiB", "3.25 bpw", "40 %".
QString memory_text(const MemoryBudget& budget);
QString latency_text(double seconds); // "6.45 ms"

// What a person types: a comma or a point, any case, and a bare number in the unit that memory_text(present)
// shows (ms for a latency). Throws Error{usage} like the engine's own parsers.
MemoryBudget read_memory(const QString& text, const MemoryBudget& present);
double read_latency(const QString& text);

// What is said of a text that cannot be read, in the two lines that there is room for.
QString refused_memory(const QString& text);
QString refused_latency(const QString& text);

// What the three units of a memory budget have to do with each other.
struct BudgetScale {
  Allocator::MemoryScale bits;
  double f16_bytes = 0; // of the whole model
  double beside = 0;    // bytes of cache, buffers and program, which a part of the f16 model doesn't count
};
MemoryBudget budget_of_bytes(double bytes, const MemoryBudget& unit, const BudgetScale& scale);
double bytes_of_budget(const MemoryBudget& budget, const BudgetScale& scale); // of everything in memory

// "100 MiB more would cut the predicted loss by 3.1 %", or what decides instead; empty while it isn't known.
QString memory_price(const SolverAnswer& answer);
QString latency_price(const SolverAnswer& answer);

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Everything that a person decides about a plan, as one value.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/allocation/budget.h"
#include "core/palette/quantizer.h"

namespace intarsia::ui {

struct PlanInputs {
  MemoryBudget memory = BitsPerWeight{4};
  std::optional<double> latency_seconds; // of a decode step; needs a latency table
  std::size_t context = 4096;            // tokens
  // What the command line uses too where it isn't told.
  std::set<QuantizerFamily> families = default_families();
  std::map<std::string, QuantizerId> pins;
  std::map<std::string, std::set<QuantizerId>> forbidden;
};

bool same_memory(const MemoryBudget& a, const MemoryBudget& b);
bool operator==(const PlanInputs& a, const PlanInputs& b);

} // namespace intarsia::ui

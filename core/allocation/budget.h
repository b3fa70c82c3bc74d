// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Budgets as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace intarsia {

struct MemoryBytes {
  std::uint64_t bytes;
}; // "2.5GiB", "900MB": everything that must be in memory
struct BitsPerWeight {
  double bits;
}; // "3.25bpw": average nominal code bits of the blocks' linears
struct ModelFraction {
  double fraction;
}; // "40%": of the f16 model's bytes
using MemoryBudget = std::variant<MemoryBytes, BitsPerWeight, ModelFraction>;

// Throws Error{usage} that repeats the text and shows the three forms. NaN, negative and zero are refused.
MemoryBudget parse_memory_budget(std::string_view text);
// "6.5ms" or "150tok/s", as seconds of one decode step.
double parse_latency_budget(std::string_view text);

} // namespace intarsia

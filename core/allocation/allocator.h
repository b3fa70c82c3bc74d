// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Fusion-aware mixed-scheme quantization as an integer program, solved by GLPK (Q-Palette, section 5).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/allocation/allocation_problem.h"
#include "core/allocation/budget.h"
#include "core/allocation/plan.h"
#include "core/base/error.h"
#include "core/base/progress.h"

namespace intarsia {

struct AllocationRequest {
  std::optional<MemoryBudget> memory;
  std::optional<double> latency_seconds;
  std::size_t context = 4096;
  double gap = 1e-4;      // relative; the search ends when it is proven
  double time_limit = 60; // seconds; the best plan so far is returned with proven = false
};

// No plan meets the budgets. What could be met instead, each beside the other budget as it was asked for:
// nothing where that budget was not set or is not in the way.
class Infeasible : public Error {
 public:
  Infeasible(const std::string& sentence, std::optional<MemoryBudget> smallest_memory,
             std::optional<double> smallest_latency)
      : Error(ErrorKind::infeasible, sentence)
      , memory(smallest_memory)
      , latency_seconds(smallest_latency) {}
  std::optional<MemoryBudget> memory; // in the form of the budget: bits per weight, bytes or a part
  std::optional<double> latency_seconds;
};

// One live GLPK problem whose budget rows are moved and re-solved warm. One thread at a time; each Allocator
// may live on a thread of its own (GLPK's environment is a thread's). Deterministic unless the time limit
// ends the search.
class Allocator {
 public:
  // Throws Error naming a layer without sensitivity or candidates, an unknown pin, or an unusable latency
  // table.
  explicit Allocator(AllocationProblem problem);
  ~Allocator();

  // Throws Infeasible with the smallest memory and latency that can be met and the budget in the way;
  // Error{cancelled} on stop.
  Plan solve(const AllocationRequest& request, const JobControl& control);

  // The best plan with one quantizer for all layers within the same request; nullopt when none fits.
  std::optional<Plan> best_single_scheme(const AllocationRequest& request) const;

  struct Range {
    double low = 0, high = 0;
  };
  Range memory_range(std::size_t context) const; // bytes of everything: smallest and largest plan
  // Seconds: the fastest, and that of the lowest loss; nothing without a latency table. It solves twice when
  // first asked for, and keeps the answer. Throws Error{cancelled} on stop.
  std::optional<Range> latency_range(const JobControl& control = {});
  // The same without solving or fusing, so a little above it.
  std::optional<Range> quick_latency_range() const;

  // Bytes of everything of a plan by the bits per weight of its linears: at_zero + slope * bits. Embedding
  // and head are those of `plan`, or without one as good as they can be.
  struct MemoryScale {
    double at_zero = 0, slope = 0;
    double bytes(double bits) const { return at_zero + slope * bits; }
    double bits(double bytes) const { return slope > 0 ? (bytes - at_zero) / slope : 0; }
  };
  MemoryScale memory_scale(std::size_t context, const Plan* plan = nullptr) const;

  // Plans with one quantizer for all layers, by rising bits.
  std::vector<Plan> single_schemes(std::size_t context) const;

  const AllocationProblem& problem() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace intarsia

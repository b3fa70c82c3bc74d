// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What every budget can buy: the least loss against memory, and against latency, by warm re-solves.
#pragma once

#include <functional>
#include <vector>

#include "core/allocation/allocator.h"

namespace intarsia {

// What ideal quantizers would lose at an average of so many bits (Theorem 3.1): no plan of the same average
// is below it.
double ideal_loss(const LayerGraph& graph, const Sensitivity& sensitivity, double bits_per_weight);

struct FrontierPoint {
  double bits = 0;    // average bits per weight of the plan
  double seconds = 0; // of a decode step; 0 without a latency table
  double loss = 0;    // predicted, nats per token
  double ideal = 0;   // Theorem 3.1's closed form at the same bits: ideal quantizers, memory alone
  double bytes = 0;   // everything in memory
};

FrontierPoint frontier_point(const Plan& plan, const AllocationProblem& problem);

struct Frontier {
  std::size_t context = 0;            // tokens that `bytes` counts the cache of
  std::vector<FrontierPoint> memory;  // by rising bits; latency unlimited
  std::vector<FrontierPoint> latency; // by rising seconds; memory unlimited; empty without a latency table
  std::vector<FrontierPoint> single;  // plans with one quantizer for all
};

// Traces both with up to `points` budgets each, to a gap of 1e-3. `on_progress` sees the frontier so far now
// and then, on the calling thread; may be empty. Throws Error{cancelled} on stop.
Frontier trace_frontier(Allocator& allocator, std::size_t points, std::size_t context,
                        const std::function<void(const Frontier&)>& on_progress, const JobControl& control);

} // namespace intarsia

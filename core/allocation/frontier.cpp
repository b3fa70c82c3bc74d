// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/frontier.h"
#include "core/allocation/closed_form.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr double floor_bits = 0.5;
// Enough for a line to look at: what is lost is less than its width, and some problems take seconds to prove
// more.
constexpr double gap = 2e-3, time_limit = 0.5;
constexpr std::size_t points_between_reports = 8;

} // namespace

double ideal_loss(const LayerGraph& graph, const Sensitivity& sensitivity, double bits_per_weight) {
  return closed_form_loss(graph, sensitivity,
                          closed_form_bits(graph, sensitivity, bits_per_weight, floor_bits));
}

FrontierPoint frontier_point(const Plan& plan, const AllocationProblem& problem) {
  const Plan::Predicted& predicted = plan.predicted;
  return {predicted.bits_per_weight, predicted.latency_seconds.value_or(0), predicted.loss,
          ideal_loss(problem.graph, problem.sensitivity, predicted.bits_per_weight),
          double(predicted.memory_bytes)};
}

Frontier trace_frontier(Allocator& allocator, std::size_t points, std::size_t context,
                        const std::function<void(const Frontier&)>& on_progress, const JobControl& control) {
  const AllocationProblem& problem = allocator.problem();
  Frontier frontier;
  frontier.context = context;
  for (const Plan& plan : allocator.single_schemes(context))
    frontier.single.push_back(frontier_point(plan, problem));
  std::size_t solved = 0;
  const auto trace = [&](std::vector<FrontierPoint>& to, AllocationRequest request) {
    control.throw_if_stopped();
    request.context = context;
    request.gap = gap;
    request.time_limit = time_limit;
    try {
      const Plan plan = allocator.solve(request, control);
      FrontierPoint point = frontier_point(plan, problem);
      // Where an embedding takes its bytes from the linears, these alone would lose more with a larger
      // budget.
      if (!to.empty()) point.ideal = std::min(point.ideal, to.back().ideal);
      // Beyond the best plan a larger budget buys nothing.
      if (to.empty() || point.loss < to.back().loss) to.push_back(point);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
    }
    if (on_progress && ++solved % points_between_reports == 0) on_progress(frontier);
  };
  // By bytes: a budget of bits per weight says nothing of embedding and head, which would stay as they are.
  const Allocator::Range bytes = allocator.memory_range(context);
  for (std::size_t i = 0; i < points; ++i) {
    AllocationRequest request;
    const double part = double(i) / double(points - 1);
    request.memory = MemoryBytes{std::uint64_t(std::ceil(bytes.low + (bytes.high - bytes.low) * part))};
    trace(frontier.memory, request);
  }
  if (const auto range = allocator.latency_range(control))
    for (std::size_t i = 0; i < points; ++i) {
      AllocationRequest request;
      // Closer together where a little time buys much.
      const double part = std::pow(double(i) / double(points - 1), 1.5);
      request.latency_seconds = range->low * (1 + 1e-6) + (range->high - range->low) * part;
      trace(frontier.latency, request);
    }
  if (on_progress) on_progress(frontier);
  return frontier;
}

} // namespace intarsia

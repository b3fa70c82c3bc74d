// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The allocator's plan for a budget of `rate` bits per weight and no other.
#pragma once

#include "core/allocation/allocator.h"
#include "core/artifact/open_model.h"

namespace intarsia {

inline Plan plan_at_rate(const OpenedModel& model, const Sensitivity& sensitivity, double rate) {
  AllocationProblem problem;
  problem.config = model.config();
  problem.graph = model.graph();
  problem.sensitivity = sensitivity;
  AllocationRequest request;
  request.memory = BitsPerWeight{rate};
  return Allocator(std::move(problem)).solve(request, {});
}

} // namespace intarsia

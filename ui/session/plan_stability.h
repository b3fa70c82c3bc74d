// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Whether better sensitivities still change the plan: when they no longer do, measuring on is of no use.
#pragma once

#include <optional>

#include "core/allocation/allocator.h"

namespace intarsia::ui {

// What a plan loses by these sensitivities, nats per token.
double loss_by(const Plan& plan, const Sensitivity& sensitivity);

class PlanStability {
 public:
  void reset() { *this = {}; }
  // New sensitivities are there, and the plan of the ones before, which answers `request`.
  void expect(const Plan* before, const AllocationRequest& request, const Sensitivity& sensitivity);
  // The plan by the new ones. True when, twice in a row, the plan before was within 1 % of it.
  bool still(const Plan& plan, const AllocationRequest& request);

 private:
  std::optional<double> loss_before_; // of the plan before, by the new sensitivities
  AllocationRequest request_;
  int times_ = 0;
};

} // namespace intarsia::ui

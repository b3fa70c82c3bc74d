// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/plan_stability.h"

#include "core/palette/quantizer.h"
#include "ui/session/plan_inputs.h"

namespace intarsia::ui {
namespace {

constexpr double close_enough = 1.01;
constexpr int times_in_a_row = 2;

bool same_request(const AllocationRequest& a, const AllocationRequest& b) {
  const bool memory =
      a.memory && b.memory ? same_memory(*a.memory, *b.memory) : a.memory.has_value() == b.memory.has_value();
  return memory && a.latency_seconds == b.latency_seconds && a.context == b.context;
}

} // namespace

double loss_by(const Plan& plan, const Sensitivity& sensitivity) {
  double loss = 0;
  for (const auto& [name, layer] : plan.layers)
    if (const auto found = sensitivity.layers.find(name); found != sensitivity.layers.end())
      loss += found->second * quantizer(layer.quantizer).distortion();
  return loss;
}

void PlanStability::expect(const Plan* before, const AllocationRequest& request,
                           const Sensitivity& sensitivity) {
  request_ = request;
  loss_before_ = before ? std::optional(loss_by(*before, sensitivity)) : std::nullopt;
}

bool PlanStability::still(const Plan& plan, const AllocationRequest& request) {
  if (!loss_before_) return false;
  const bool same = same_request(request, request_) && *loss_before_ <= close_enough * plan.predicted.loss;
  loss_before_.reset();
  times_ = same ? times_ + 1 : 0;
  return times_ >= times_in_a_row;
}

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/planner.h"

#include "core/allocation/plan_memory.h"
#include <algorithm>
#include <cmath>

namespace intarsia::ui {
namespace {

constexpr int begin_rounds = 2;

}

Planner::Planner(QObject* parent)
    : PlanEditor(parent) {
  connect(&solver_, &SolverThread::answered, this, [this](const SolverAnswer& answer) {
    // While a slider moves, an answer to what was asked before is better than none; it is not where the right
    // one is known, as after an undo.
    if (answers_inputs(answer) || !answers_inputs(answer_)) adopt(answer);
  });
  connect(&solver_, &SolverThread::traced, this, [this](const Frontier& frontier) {
    frontier_ = frontier;
    emit frontier_changed();
  });
}

void Planner::set_model(const ModelConfig& config, const LayerGraph& graph) {
  solver_.clear();
  config_ = config;
  graph_ = graph;
  given_.reset();
  sensitivity_.reset();
  latency_.reset();
  fixed_ = false;
  rounds_to_begin_ = begin_rounds;
  first_bytes_.reset();
  answer_ = {};
  last_plan_.reset();
  frontier_ = {};
  undo_stack().clear();
  PlanInputs inputs;
  inputs.families = this->inputs().families;
  inputs.context = std::min<std::size_t>(inputs.context, config.max_positions);
  replace_inputs(inputs);
  emit plan_changed();
  emit frontier_changed();
}

void Planner::set_planned_model(const ModelConfig& config, const LayerGraph& graph, const Plan& plan) {
  set_model(config, graph);
  fixed_ = true;
  answer_.plan = last_plan_ = plan;
  PlanInputs made_for = inputs();
  if (plan.budgets.context > 0) made_for.context = std::min(plan.budgets.context, config.max_positions);
  replace_inputs(made_for);
  emit plan_changed();
}

void Planner::set_sensitivity(std::optional<Sensitivity> sensitivity) {
  given_ = std::move(sensitivity);
  use_sensitivity();
}

void Planner::set_calibrated(bool calibrated) {
  if (calibrated == calibrated_) return;
  calibrated_ = calibrated;
  use_sensitivity();
}

void Planner::use_sensitivity() {
  sensitivity_ = given_ && calibrated_ ? for_calibrated(*given_) : given_;
  new_problem();
}

void Planner::set_latency_table(std::optional<LatencyTable> table) {
  latency_ = std::move(table);
  if (inputs().latency_seconds) {
    PlanInputs without = inputs();
    without.latency_seconds.reset();
    undo_stack().clear(); // its steps hold budgets for another table
    replace_inputs(without);
  }
  new_problem();
}

void Planner::set_memory_model(std::shared_ptr<const MemoryModel> memory) {
  const ModelMemory before = this->memory();
  const bool same_kind = memory->device_kind() == memory_->device_kind();
  memory_ = std::move(memory);
  if (!config_ || (same_kind && this->memory().total() == before.total())) return;
  const auto* bytes = std::get_if<MemoryBytes>(&inputs().memory);
  if (bytes && first_bytes_ == bytes->bytes) {
    PlanInputs at_first = inputs();
    at_first.memory = PlanInputs().memory;
    rounds_to_begin_ = begin_rounds;
    replace_inputs(at_first);
  }
  fixed_ ? emit plan_changed() : new_problem();
}

ModelMemory Planner::memory() const {
  if (!config_) return {};
  return last_plan_ ? plan_memory(*memory_, *config_, *graph_, *last_plan_, inputs().context)
                    : memory_->predict_fixed({*config_, *graph_, inputs().context}, {});
}

void Planner::new_problem() {
  if (fixed_ || !config_) return;
  if (!sensitivity_) {
    solver_.clear();
    return;
  }
  if (inputs().families.empty() && inputs().pins.size() < graph_->linears.size()) {
    solver_.clear();
    SolverAnswer none;
    none.problem = tr("No family of quantizers is turned on: turn on at least one under Palette.");
    return adopt(none);
  }
  AllocationProblem problem;
  problem.config = *config_;
  problem.graph = *graph_;
  problem.sensitivity = *sensitivity_;
  problem.latency = latency_;
  problem.memory = memory_;
  problem.pins = inputs().pins;
  problem.forbidden = inputs().forbidden;
  problem.only = inputs().families;
  solver_.set_problem(std::move(problem));
  request_plan();
}

void Planner::request_plan() {
  if (fixed_ || !sensitivity_ || !config_ || inputs().families.empty()) return;
  AllocationRequest request;
  request.memory = inputs().memory;
  request.latency_seconds = inputs().latency_seconds;
  request.context = inputs().context;
  request.gap = 2e-3; // while a slider moves; SolverThread goes on from there
  request.time_limit = 0.06;
  solver_.request(request);
}

bool Planner::answers_inputs(const SolverAnswer& answer) const {
  const AllocationRequest& request = answer.request;
  return request.memory && same_memory(*request.memory, inputs().memory) &&
         request.latency_seconds == inputs().latency_seconds && request.context == inputs().context;
}

void Planner::adopt(const SolverAnswer& answer) {
  answer_ = answer;
  if (rounds_to_begin_ > 0 && answer_.memory_scale.slope > 0 && answers_inputs(answer_)) begin_in_bytes();
  if (answer_.plan) last_plan_ = answer_.plan;
  emit plan_changed();
}

// What a model begins with is given as bytes, which is what a device has: four bits' worth. By bits embedding
// and head cost nothing and stay as they are; by bytes the best plan makes them smaller too and its linears
// larger, so the next round counts four bits' worth beside the embedding and head of that plan.
void Planner::begin_in_bytes() {
  --rounds_to_begin_;
  const double bits = std::get<BitsPerWeight>(PlanInputs().memory).bits;
  // A mebibyte, or of small models what a thirtieth of a bit takes.
  const double step = std::min(0x1p20, std::exp2(std::floor(std::log2(answer_.memory_scale.slope / 30))));
  first_bytes_ = std::uint64_t(std::ceil(answer_.memory_scale.bytes(bits) / step) * step);
  PlanInputs in_bytes = inputs();
  in_bytes.memory = MemoryBytes{*first_bytes_};
  replace_inputs(in_bytes);
  request_plan();
}

std::optional<PlanInputs> Planner::allowed(PlanInputs inputs) {
  if (fixed_) return std::nullopt;
  rounds_to_begin_ = 0;
  return clamped(std::move(inputs));
}

PlanInputs Planner::clamped(PlanInputs inputs) const {
  if (config_) inputs.context = std::clamp<std::size_t>(inputs.context, 1, config_->max_positions);
  if (!latency_) inputs.latency_seconds.reset();
  return inputs;
}

void Planner::inputs_moved(const PlanInputs& before, const std::optional<SolverAnswer>& known) {
  const PlanInputs& now = inputs();
  const bool same_problem =
      now.pins == before.pins && now.forbidden == before.forbidden && now.families == before.families;
  if (known) adopt(*known);
  same_problem ? request_plan() : new_problem();
}

void Planner::restore(const PlanInputs& inputs) {
  if (fixed_) return;
  rounds_to_begin_ = 0;
  PlanInputs possible = clamped(inputs);
  std::erase_if(possible.pins, [this](const auto& pin) { return !graph_->find(pin.first); });
  std::erase_if(possible.forbidden, [this](const auto& layer) { return !graph_->find(layer.first); });
  replace_inputs(possible);
  new_problem();
}

} // namespace intarsia::ui

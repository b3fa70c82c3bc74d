// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/planner.h"

#include "core/allocation/plan_memory.h"
#include <QUndoCommand>
#include <algorithm>
#include <cmath>

namespace intarsia::ui {
namespace {

enum StepKind { memory_step = 1, latency_step };

} // namespace

// A change of the inputs. It keeps the solutions too, so that they are back at once.
class PlanStep : public QUndoCommand {
 public:
  PlanStep(Planner& planner, const QString& name, PlanInputs after, int kind, int gesture)
      : QUndoCommand(name)
      , planner_(planner)
      , before_(planner.inputs_)
      , after_(std::move(after))
      , solution_before_(planner.answer_)
      , kind_(kind)
      , gesture_(gesture) {}

  void redo() override { planner_.apply(after_, solution_after_); }
  void undo() override {
    solution_after_ = planner_.answer_;
    planner_.apply(before_, solution_before_);
  }
  int id() const override { return kind_; }
  bool mergeWith(const QUndoCommand* other) override {
    const auto* next = static_cast<const PlanStep*>(other); // QUndoStack asks only for steps of one id
    if (next->gesture_ != gesture_) return false;
    after_ = next->after_;
    return true;
  }

 private:
  Planner& planner_;
  PlanInputs before_, after_;
  std::optional<SolverAnswer> solution_before_, solution_after_;
  int kind_, gesture_;
};

Planner::Planner(QObject* parent)
    : QObject(parent) {
  connect(&solver_, &SolverThread::answered, this, &Planner::adopt);
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
  fresh_ = true;
  first_bytes_.reset();
  answer_ = {};
  last_plan_.reset();
  frontier_ = {};
  undo_.clear();
  PlanInputs inputs;
  inputs.families = inputs_.families;
  inputs.context = std::min<std::size_t>(inputs.context, config.max_positions);
  inputs_ = inputs;
  emit inputs_changed();
  emit plan_changed();
  emit frontier_changed();
}

void Planner::set_planned_model(const ModelConfig& config, const LayerGraph& graph, const Plan& plan) {
  set_model(config, graph);
  fixed_ = true;
  if (plan.budgets.context > 0) inputs_.context = std::min(plan.budgets.context, config.max_positions);
  answer_.plan = last_plan_ = plan;
  emit inputs_changed();
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
  if (inputs_.latency_seconds) {
    inputs_.latency_seconds.reset();
    undo_.clear(); // its steps hold budgets for another table
    emit inputs_changed();
  }
  new_problem();
}

void Planner::set_memory_model(std::shared_ptr<const MemoryModel> memory) {
  const ModelMemory before = this->memory();
  const bool same_kind = memory->device_kind() == memory_->device_kind();
  memory_ = std::move(memory);
  if (!config_ || (same_kind && this->memory().total() == before.total())) return;
  const auto* bytes = std::get_if<MemoryBytes>(&inputs_.memory);
  if (bytes && first_bytes_ == bytes->bytes) {
    inputs_.memory = PlanInputs().memory;
    fresh_ = true;
    emit inputs_changed();
  }
  fixed_ ? emit plan_changed() : new_problem();
}

ModelMemory Planner::memory() const {
  if (!config_) return {};
  return last_plan_ ? plan_memory(*memory_, *config_, *graph_, *last_plan_, inputs_.context)
                    : memory_->beside({*config_, *graph_, inputs_.context}, {});
}

void Planner::new_problem() {
  if (fixed_ || !config_) return;
  if (!sensitivity_) {
    solver_.clear();
    return;
  }
  if (inputs_.families.empty() && inputs_.pins.size() < graph_->linears.size()) {
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
  problem.pins = inputs_.pins;
  problem.forbidden = inputs_.forbidden;
  problem.only = inputs_.families;
  solver_.set_problem(std::move(problem));
  request_plan();
}

void Planner::request_plan() {
  if (fixed_ || !sensitivity_ || !config_ || inputs_.families.empty()) return;
  AllocationRequest request;
  request.memory = inputs_.memory;
  request.latency_seconds = inputs_.latency_seconds;
  request.context = inputs_.context;
  request.gap = 2e-3; // while a slider moves; SolverThread goes on from there
  request.time_limit = 0.06;
  solver_.request(request);
}

void Planner::adopt(const SolverAnswer& answer) {
  answer_ = answer;
  if (fresh_ && answer_.memory_scale.slope > 0) begin_in_bytes();
  if (answer_.plan) last_plan_ = answer_.plan;
  emit plan_changed();
}

// What a model begins with is given as bytes, which is what a device has: four bits' worth.
void Planner::begin_in_bytes() {
  fresh_ = false;
  const auto* bits = std::get_if<BitsPerWeight>(&inputs_.memory);
  if (!bits) return;
  constexpr double step = 0x1p20;
  first_bytes_ = std::uint64_t(std::ceil(answer_.memory_scale.bytes(bits->bits) / step) * step);
  inputs_.memory = MemoryBytes{*first_bytes_};
  emit inputs_changed();
  request_plan();
}

PlanInputs Planner::clamped(PlanInputs inputs) const {
  if (config_) inputs.context = std::clamp<std::size_t>(inputs.context, 1, config_->max_positions);
  if (!latency_) inputs.latency_seconds.reset();
  return inputs;
}

void Planner::change(const QString& name, PlanInputs inputs, int kind, Gesture gesture) {
  if (fixed_) return;
  inputs = clamped(std::move(inputs));
  if (gesture == Gesture::once) ++gesture_;
  fresh_ = false;
  if (inputs == inputs_) return;
  undo_.push(new PlanStep(*this, name, std::move(inputs), kind, gesture_));
  if (gesture == Gesture::once) ++gesture_;
}

void Planner::apply(const PlanInputs& inputs, const std::optional<SolverAnswer>& known) {
  const bool same_problem = inputs.pins == inputs_.pins && inputs.forbidden == inputs_.forbidden &&
                            inputs.families == inputs_.families;
  inputs_ = inputs;
  emit inputs_changed();
  if (known) adopt(*known);
  same_problem ? request_plan() : new_problem();
}

void Planner::set_memory(const MemoryBudget& budget, Gesture gesture) {
  PlanInputs inputs = inputs_;
  inputs.memory = budget;
  change(tr("memory budget"), inputs, memory_step, gesture);
}

void Planner::set_latency(std::optional<double> seconds, Gesture gesture) {
  PlanInputs inputs = inputs_;
  inputs.latency_seconds = seconds;
  change(tr("latency budget"), inputs, latency_step, gesture);
}

void Planner::set_context(std::size_t tokens) {
  PlanInputs inputs = inputs_;
  inputs.context = tokens;
  change(tr("context length"), inputs);
}

void Planner::set_family(QuantizerFamily family, bool allowed) {
  PlanInputs inputs = inputs_;
  if (allowed)
    inputs.families.insert(family);
  else
    inputs.families.erase(family);
  change(tr("palette"), inputs);
}

void Planner::pin(const std::vector<std::string>& layers, QuantizerId quantizer) {
  PlanInputs inputs = inputs_;
  for (const auto& layer : layers) {
    inputs.pins[layer] = quantizer;
    if (const auto found = inputs.forbidden.find(layer); found != inputs.forbidden.end()) {
      found->second.erase(quantizer);
      if (found->second.empty()) inputs.forbidden.erase(found);
    }
  }
  change(tr("pin"), inputs);
}

void Planner::forbid(const std::vector<std::string>& layers, QuantizerId quantizer) {
  PlanInputs inputs = inputs_;
  for (const auto& layer : layers) {
    inputs.forbidden[layer].insert(quantizer);
    if (const auto pin = inputs.pins.find(layer); pin != inputs.pins.end() && pin->second == quantizer)
      inputs.pins.erase(pin);
  }
  change(tr("forbid"), inputs);
}

void Planner::unpin(const std::vector<std::string>& layers) {
  PlanInputs inputs = inputs_;
  for (const auto& layer : layers) {
    inputs.pins.erase(layer);
    inputs.forbidden.erase(layer);
  }
  change(tr("unpin"), inputs);
}

void Planner::use_nearest_memory() {
  if (answer_.nearest_memory) set_memory(*answer_.nearest_memory);
}

void Planner::use_nearest_latency() {
  if (answer_.nearest_seconds) set_latency(answer_.nearest_seconds);
}

void Planner::restore(const PlanInputs& inputs) {
  if (fixed_) return;
  fresh_ = false;
  inputs_ = clamped(inputs);
  std::erase_if(inputs_.pins, [this](const auto& pin) { return !graph_->find(pin.first); });
  std::erase_if(inputs_.forbidden, [this](const auto& layer) { return !graph_->find(layer.first); });
  emit inputs_changed();
  new_problem();
}

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What is planned for, and the allocator's answers to what a person decides (PlanEditor).
#pragma once

#include "core/memory/memory_model.h"
#include "ui/session/plan_editor.h"
#include "ui/session/solver_thread.h"

namespace intarsia::ui {

class Planner : public PlanEditor {
  Q_OBJECT
 public:
  explicit Planner(QObject* parent = nullptr);

  // A model to plan for. The inputs go back to how they are at first but for the families.
  void set_model(const ModelConfig& config, const LayerGraph& graph);
  // One whose plan is made already, and can only be looked at.
  void set_planned_model(const ModelConfig& config, const LayerGraph& graph, const Plan& plan);
  void set_sensitivity(std::optional<Sensitivity> sensitivity); // nothing: no plan
  // Whether the model will be rounded with feedback, which the loss is then predicted of where it is known.
  void set_calibrated(bool calibrated);
  void set_latency_table(std::optional<LatencyTable> table); // the latency budget goes with the old one

  // Of the device that is planned for. A budget that nobody has changed begins again with what it takes
  // there.
  void set_memory_model(std::shared_ptr<const MemoryModel> memory);

  // As planned with.
  const std::optional<Sensitivity>& sensitivity() const { return sensitivity_; }
  bool has_model() const { return config_.has_value(); }
  bool fixed() const { return fixed_; } // the plan was made already
  const SolverAnswer& answer() const { return answer_; }
  const Frontier& frontier() const { return frontier_; }
  const Plan* plan() const { return answer_.plan ? &*answer_.plan : nullptr; }
  // The plan, or where none meets the budgets the last one that met its own; null before the first.
  const Plan* shown_plan() const { return last_plan_ ? &*last_plan_ : nullptr; }
  bool shown_plan_is_old() const { return last_plan_ && !answer_.plan; }
  ModelMemory memory() const; // of the shown plan; before there is one, of what no plan changes
  const LayerGraph& graph() const { return *graph_; }

  void restore(const intarsia::ui::PlanInputs& inputs); // of an earlier session; no step of undo's

 signals:
  void plan_changed(); // a new answer, or the reason why there is none
  void frontier_changed();

 protected:
  const SolverAnswer& solution() const override { return answer_; }
  std::optional<PlanInputs> allowed(PlanInputs inputs) override;
  void inputs_moved(const PlanInputs& before, const std::optional<SolverAnswer>& known) override;

 private:
  void use_sensitivity();
  void new_problem();
  void request_plan();
  bool answers_inputs(const SolverAnswer& answer) const; // the budgets and the context that are asked now
  void adopt(const SolverAnswer& answer);
  void begin_in_bytes();
  PlanInputs clamped(PlanInputs inputs) const;

  std::optional<ModelConfig> config_;
  std::optional<LayerGraph> graph_;
  std::optional<Sensitivity> given_, sensitivity_; // as it was set; as planned with
  bool calibrated_ = true;
  std::optional<LatencyTable> latency_;
  std::shared_ptr<const MemoryModel> memory_ = cpu_memory();
  SolverAnswer answer_;
  std::optional<Plan> last_plan_;
  Frontier frontier_;
  bool fixed_ = false;
  int rounds_to_begin_ =
      0; // that are left until the budget is what a model begins with; see begin_in_bytes()
  std::optional<std::uint64_t> first_bytes_; // that this was turned into
  SolverThread solver_;                      // last: its thread ends first
};

} // namespace intarsia::ui

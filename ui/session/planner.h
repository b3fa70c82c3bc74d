// SPDX-License-Identifier: GPL-3.0-or-later
// Inputs in, plan out: what a person decides, with undo, and the allocator's answers to it.
#pragma once

#include <QString>
#include <QUndoStack>

#include "core/memory/memory_model.h"
#include "ui/session/plan_inputs.h"
#include "ui/session/solver_thread.h"

namespace intarsia::ui {

// Sliders move in many small steps that are undone as one.
enum class Gesture { once, dragging };

class Planner : public QObject {
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
  const PlanInputs& inputs() const { return inputs_; }
  const SolverAnswer& answer() const { return answer_; }
  const Frontier& frontier() const { return frontier_; }
  const Plan* plan() const { return answer_.plan ? &*answer_.plan : nullptr; }
  // The plan, or where none meets the budgets the last one that met its own; null before the first.
  const Plan* shown_plan() const { return last_plan_ ? &*last_plan_ : nullptr; }
  bool shown_plan_is_old() const { return last_plan_ && !answer_.plan; }
  ModelMemory memory() const; // of the shown plan; before there is one, of what no plan changes
  const LayerGraph& graph() const { return *graph_; }
  QUndoStack& undo_stack() { return undo_; }

 public slots:
  void set_memory(const intarsia::MemoryBudget& budget,
                  intarsia::ui::Gesture gesture = intarsia::ui::Gesture::once);
  void set_latency(std::optional<double> seconds, // nothing: no limit
                   intarsia::ui::Gesture gesture = intarsia::ui::Gesture::once);
  void end_gesture() { ++gesture_; } // what is dragged next is undone on its own
  void set_context(std::size_t tokens);
  void set_family(intarsia::QuantizerFamily family, bool allowed);
  void pin(const std::vector<std::string>& layers, intarsia::QuantizerId quantizer);
  void forbid(const std::vector<std::string>& layers, intarsia::QuantizerId quantizer);
  void unpin(const std::vector<std::string>& layers); // and allow everything again
  void use_nearest_memory();                          // where the budgets cannot be met
  void use_nearest_latency();
  void restore(const intarsia::ui::PlanInputs& inputs); // of an earlier session; no step of undo's

 signals:
  void inputs_changed();
  void plan_changed(); // a new answer, or the reason why there is none
  void frontier_changed();

 private:
  friend class PlanStep;
  void change(const QString& name, PlanInputs inputs, int kind = -1, Gesture gesture = Gesture::once);
  void apply(const PlanInputs& inputs, const std::optional<SolverAnswer>& known);
  void use_sensitivity();
  void new_problem();
  void request_plan();
  void adopt(const SolverAnswer& answer);
  void begin_in_bytes();
  PlanInputs clamped(PlanInputs inputs) const;

  std::optional<ModelConfig> config_;
  std::optional<LayerGraph> graph_;
  std::optional<Sensitivity> given_, sensitivity_; // as it was set; as planned with
  bool calibrated_ = true;
  std::optional<LatencyTable> latency_;
  std::shared_ptr<const MemoryModel> memory_ = cpu_memory();
  PlanInputs inputs_;
  SolverAnswer answer_;
  std::optional<Plan> last_plan_;
  Frontier frontier_;
  bool fixed_ = false;
  bool fresh_ = false; // no answer yet: the budget is still the one that every model begins with
  std::optional<std::uint64_t> first_bytes_; // that this was turned into
  int gesture_ = 0;
  QUndoStack undo_;
  SolverThread solver_; // last: its thread ends first
};

} // namespace intarsia::ui

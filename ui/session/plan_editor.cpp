// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/plan_editor.h"

#include <QUndoCommand>

namespace intarsia::ui {
namespace {

enum StepKind { memory_step = 1, latency_step };

} // namespace

// A change of the inputs. It keeps the solutions too, so that they are back at once.
class PlanStep : public QUndoCommand {
 public:
  PlanStep(PlanEditor& editor, const QString& name, PlanInputs after, int kind, int gesture)
      : QUndoCommand(name)
      , editor_(editor)
      , before_(editor.inputs_)
      , after_(std::move(after))
      , solution_before_(editor.solution())
      , kind_(kind)
      , gesture_(gesture) {}

  void redo() override { editor_.apply(after_, solution_after_); }
  void undo() override {
    solution_after_ = editor_.solution();
    editor_.apply(before_, solution_before_);
  }
  int id() const override { return kind_; }
  bool mergeWith(const QUndoCommand* other) override {
    const auto* next = static_cast<const PlanStep*>(other); // QUndoStack asks only for steps of one id
    if (next->gesture_ != gesture_) return false;
    after_ = next->after_;
    return true;
  }

 private:
  PlanEditor& editor_;
  PlanInputs before_, after_;
  std::optional<SolverAnswer> solution_before_, solution_after_;
  int kind_, gesture_;
};

void PlanEditor::replace_inputs(PlanInputs inputs) {
  inputs_ = std::move(inputs);
  emit inputs_changed();
}

void PlanEditor::change(const QString& name, PlanInputs inputs, int kind, Gesture gesture) {
  const auto possible = allowed(std::move(inputs));
  if (!possible) return;
  if (gesture == Gesture::once) ++gesture_;
  if (*possible == inputs_) return;
  undo_.push(new PlanStep(*this, name, *possible, kind, gesture_));
  if (gesture == Gesture::once) ++gesture_;
}

void PlanEditor::apply(const PlanInputs& inputs, const std::optional<SolverAnswer>& known) {
  const PlanInputs before = inputs_;
  replace_inputs(inputs);
  inputs_moved(before, known);
}

void PlanEditor::set_memory(const MemoryBudget& budget, Gesture gesture) {
  PlanInputs inputs = inputs_;
  inputs.memory = budget;
  change(tr("memory budget"), inputs, memory_step, gesture);
}

void PlanEditor::set_latency(std::optional<double> seconds, Gesture gesture) {
  PlanInputs inputs = inputs_;
  inputs.latency_seconds = seconds;
  change(tr("latency budget"), inputs, latency_step, gesture);
}

void PlanEditor::set_context(std::size_t tokens) {
  PlanInputs inputs = inputs_;
  inputs.context = tokens;
  change(tr("context length"), inputs);
}

void PlanEditor::set_family(QuantizerFamily family, bool allowed) {
  PlanInputs inputs = inputs_;
  if (allowed)
    inputs.families.insert(family);
  else
    inputs.families.erase(family);
  change(tr("palette"), inputs);
}

void PlanEditor::pin(const std::vector<std::string>& layers, QuantizerId quantizer) {
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

void PlanEditor::forbid(const std::vector<std::string>& layers, QuantizerId quantizer) {
  PlanInputs inputs = inputs_;
  for (const auto& layer : layers) {
    inputs.forbidden[layer].insert(quantizer);
    if (const auto pin = inputs.pins.find(layer); pin != inputs.pins.end() && pin->second == quantizer)
      inputs.pins.erase(pin);
  }
  change(tr("forbid"), inputs);
}

void PlanEditor::unpin(const std::vector<std::string>& layers) {
  PlanInputs inputs = inputs_;
  for (const auto& layer : layers) {
    inputs.pins.erase(layer);
    inputs.forbidden.erase(layer);
  }
  change(tr("unpin"), inputs);
}

void PlanEditor::use_nearest_memory() {
  if (solution().nearest_memory) set_memory(*solution().nearest_memory);
}

void PlanEditor::use_nearest_latency() {
  if (solution().nearest_seconds) set_latency(solution().nearest_seconds);
}

} // namespace intarsia::ui

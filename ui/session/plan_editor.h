// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a person decides about a plan, with undo: one value (PlanInputs), and a step of the undo stack for
// each change.
#pragma once

#include <QString>
#include <QUndoStack>

#include "ui/session/plan_inputs.h"
#include "ui/session/solver_thread.h"

namespace intarsia::ui {

// Sliders move in many small steps that are undone as one.
enum class Gesture { once, dragging };

class PlanEditor : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;

  const PlanInputs& inputs() const { return inputs_; }
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

 signals:
  void inputs_changed();

 protected:
  // The answer to the present inputs. A step keeps it, so that undo has it back at once.
  virtual const SolverAnswer& solution() const = 0;
  // As far as the model and its latency table allow; nothing: nothing can be changed.
  virtual std::optional<PlanInputs> allowed(PlanInputs inputs) = 0;
  // From `before` to inputs(); `known`: their answer, where it was found before.
  virtual void inputs_moved(const PlanInputs& before, const std::optional<SolverAnswer>& known) = 0;

  void replace_inputs(PlanInputs inputs); // no step of undo's

 private:
  friend class PlanStep;
  void change(const QString& name, PlanInputs inputs, int kind = -1, Gesture gesture = Gesture::once);
  void apply(const PlanInputs& inputs, const std::optional<SolverAnswer>& known);

  PlanInputs inputs_;
  int gesture_ = 0;
  QUndoStack undo_;
};

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Owns the parts of the session and connects them. Views read the parts, listen to their signals and call
// their slots; they hold no state of the model's. Everything long runs on other threads.
#pragma once

#include "ui/session/chat.h"
#include "ui/session/devices.h"
#include "ui/session/latency.h"
#include "ui/session/model_store.h"
#include "ui/session/plan_stability.h"
#include "ui/session/planner.h"
#include "ui/session/quantization.h"
#include "ui/session/sensitivities.h"
#include "ui/session/server.h"

namespace intarsia::ui {

class StudioSession : public QObject {
  Q_OBJECT
 public:
  explicit StudioSession(QObject* parent = nullptr, Devices::Find find_devices = detect_usable_devices);
  ~StudioSession() override;

  ModelStore& models() { return models_; }
  Devices& devices() { return devices_; }
  Latency& latency() { return latency_; }
  Sensitivities& sensitivities() { return sensitivities_; }
  Planner& planner() { return planner_; }
  Quantization& quantization() { return quantization_; }
  Chat& chat() { return chat_; }
  Server& server() { return server_; }

  const OpenedModel* model() const { return models_.model().get(); } // null: none is open
  QString model_name() const;
  bool busy() const; // with what would disturb a measurement of time
  // What a person would lose by closing or by opening another model; empty: nothing.
  QString unfinished_work() const;
  bool can_quantize() const; // there is a plan, and weights to quantize by it

 signals:
  void state_changed(); // of any part: what shows how far the work is reads it all again
  void error_occurred(const QString& sentence);

 private:
  void connect_parts();
  void adopt_model();
  void adopt_device();
  void adopt_sensitivity();
  void save_plan_inputs();

  QString planned_path_; // of the model whose inputs the planner holds; empty: none to save
  LoadedModels loaded_;
  ModelStore models_;
  Devices devices_;
  Latency latency_;
  Sensitivities sensitivities_;
  Planner planner_;
  PlanStability stability_;
  Quantization quantization_;
  Chat chat_;
  Server server_;
};

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/studio_session.h"

#include <QLocale>

#include "ui/session/saved_inputs.h"

namespace intarsia::ui {

StudioSession::StudioSession(QObject* parent, Devices::Find find_devices)
    : QObject(parent)
    , devices_(std::move(find_devices))
    , sensitivities_(loaded_)
    , quantization_(loaded_)
    , chat_(loaded_)
    , server_(loaded_) {
  connect_parts();
  adopt_device();
}

StudioSession::~StudioSession() { save_plan_inputs(); }

void StudioSession::save_plan_inputs() {
  if (!planned_path_.isEmpty()) save_inputs(planned_path_, planner_.inputs());
}

void StudioSession::connect_parts() {
  connect(&models_, &ModelStore::changed, this, &StudioSession::adopt_model);
  connect(&devices_, &Devices::changed, this, &StudioSession::adopt_device);
  connect(&devices_, &Devices::listed, this, [this] {
    latency_.set_device(devices_.device(), devices_.target());
    planner_.set_memory_model(latency_.target().memory);
  });
  connect(&sensitivities_, &Sensitivities::changed, this, &StudioSession::adopt_sensitivity);
  connect(&planner_, &Planner::plan_changed, this, [this] {
    if (sensitivities_.kind() == SensitivityKind::partial && planner_.plan() &&
        stability_.still(*planner_.plan(), planner_.answer().request))
      sensitivities_.settle();
  });
  connect(&latency_, &Latency::table_changed, this, [this] {
    planner_.set_memory_model(latency_.target().memory);
    planner_.set_latency_table(latency_.table());
  });
  connect(&quantization_, &Quantization::calibration_changed, this,
          [this] { planner_.set_calibrated(quantization_.calibration().rounds_with_feedback()); });
  connect(&quantization_, &Quantization::made, this, [this] {
    if (quantization_.calibration().text == CalibrateOn::own) sensitivities_.set_own_text_cached();
    const double bits = quantization_.artifact()->plan.predicted.bits_per_weight;
    chat_.set_quantized({quantization_.artifact()->path,
                         tr("%1 at %2 bits").arg(model_name(), QLocale().toString(bits, 'g', 3))});
    chat_.choose_speaker(Speaker::quantized);
  });
  connect(&models_, &ModelStore::changed, this, &StudioSession::state_changed);
  connect(&devices_, &Devices::listed, this, &StudioSession::state_changed);
  connect(&devices_, &Devices::changed, this, &StudioSession::state_changed);
  connect(&devices_, &Devices::selftest_changed, this, &StudioSession::state_changed);
  connect(&latency_, &Latency::progressed, this, &StudioSession::state_changed);
  connect(&latency_, &Latency::table_changed, this, &StudioSession::state_changed);
  connect(&sensitivities_, &Sensitivities::progressed, this, &StudioSession::state_changed);
  connect(&sensitivities_, &Sensitivities::changed, this, &StudioSession::state_changed);
  connect(&planner_, &Planner::plan_changed, this, &StudioSession::state_changed);
  connect(&quantization_, &Quantization::changed, this, &StudioSession::state_changed);
  connect(&quantization_, &Quantization::calibration_changed, this, &StudioSession::state_changed);
  connect(&quantization_, &Quantization::quality_changed, this, &StudioSession::state_changed);
  connect(&chat_, &Chat::changed, this, &StudioSession::state_changed);
  connect(&server_, &Server::changed, this, &StudioSession::state_changed);
  connect(&models_, &ModelStore::failed, this, &StudioSession::error_occurred);
  connect(&devices_, &Devices::failed, this, &StudioSession::error_occurred);
  connect(&latency_, &Latency::failed, this, &StudioSession::error_occurred);
  connect(&sensitivities_, &Sensitivities::failed, this, &StudioSession::error_occurred);
  connect(&quantization_, &Quantization::failed, this, &StudioSession::error_occurred);
}

QString StudioSession::model_name() const {
  return model() ? QString::fromStdString(model()->config().name) : QString();
}

void StudioSession::adopt_model() {
  const auto& opened = models_.model();
  const QString name = model_name();
  save_plan_inputs(); // of the model before
  planned_path_ = opened->artifact ? QString() : models_.path();
  if (opened->artifact) {
    planner_.set_planned_model(opened->config(), opened->graph(), opened->artifact->plan());
    chat_.set_original({});
    chat_.set_quantized(
        {models_.path(),
         tr("%1 at %2 bits")
             .arg(name, QLocale().toString(opened->artifact->plan().predicted.bits_per_weight, 'g', 3))});
  } else {
    planner_.set_model(opened->config(), opened->graph());
    if (const auto saved = saved_inputs(models_.path())) planner_.restore(*saved);
    chat_.set_original(
        {opened->checkpoint->has_weights() ? models_.path() : QString(), tr("%1, original").arg(name)});
  }
  server_.stop();
  quantization_.set_model(opened, models_.path());
  loaded_.drop();
  latency_.set_model(opened);
  sensitivities_.set_model(opened);
}

void StudioSession::adopt_sensitivity() {
  const auto& value = sensitivities_.value();
  if (!value) return;
  if (sensitivities_.kind() == SensitivityKind::partial) // without feedback factors: those come last
    stability_.expect(planner_.plan(), planner_.answer().request, *value);
  else
    stability_.reset();
  planner_.set_sensitivity(value);
}

// What is measured about a device ends with it; what it computes may end there: a quantization goes on.
void StudioSession::adopt_device() {
  const auto& target = devices_.target();
  chat_.set_target(target);
  server_.set_target(target);
  loaded_.drop();
  quantization_.set_target(target);
  latency_.set_device(devices_.device(), target);
  planner_.set_memory_model(latency_.target().memory);
  sensitivities_.set_target(target);
}

bool StudioSession::busy() const {
  return sensitivities_.measuring() || quantization_.running() || quantization_.measuring() ||
         chat_.answering() || devices_.selftest().state == JobState::running;
}

QString StudioSession::unfinished_work() const {
  if (quantization_.running())
    return tr("A quantization is running. The layers that are finished stay in %1.partial: opening this "
              "model "
              "again and choosing Resume goes on from there.")
        .arg(quantization_.run().output);
  if (chat_.answering()) return tr("An answer is being given. What was said so far is not kept.");
  if (server_.on()) return tr("The server is on: programs that use it lose the model.");
  if (!chat_.turns().empty()) return tr("The conversation is not kept. Copy it first if you need it.");
  return {};
}

bool StudioSession::can_quantize() const {
  return planner_.plan() && !planner_.fixed() && models_.has_weights();
}

} // namespace intarsia::ui

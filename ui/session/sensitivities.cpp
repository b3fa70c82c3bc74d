// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/sensitivities.h"

#include "core/base/error.h"
#include "core/evaluation/evaluation.h"
#include "core/jobs/measure_sensitivity.h"
#include "core/jobs/result_cache.h"
#include "core/sensitivity/own_text.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "ui/session/file_path.h"

namespace intarsia::ui {
namespace {

// Of all texts, or of the most that an earlier measurement was content with.
std::optional<Sensitivity> measured_before(const OpenedModel& opened, SensitivityOptions options) {
  const auto steps = estimate_steps(options.samples);
  for (auto samples = steps.rbegin(); samples != steps.rend(); ++samples) {
    options.samples = *samples;
    if (auto found = SensitivityCache(*opened.checkpoint, {}, options).find()) return found;
  }
  return std::nullopt;
}

void remember(const OpenedModel& opened, const Sensitivity& sensitivity, SensitivityOptions options) {
  options.samples = sensitivity.samples;
  SensitivityCache(*opened.checkpoint, {}, options).store(sensitivity);
}

} // namespace

Sensitivities::Sensitivities(LoadedModels& models, QObject* parent)
    : QObject(parent)
    , models_(models)
    , target_(std::make_shared<const ExecutionTarget>(Device())) {
  connect(&job_, &TrackedJob::changed, this, &Sensitivities::progressed);
  connect(&job_, &TrackedJob::failed, this, &Sensitivities::failed);
}

void Sensitivities::set_model(std::shared_ptr<const OpenedModel> model) {
  job_.abandon();
  model_ = std::move(model);
  own_text_cached_ = false;
  if (!model_ || !model_->checkpoint) return set_value({}, SensitivityKind::none);
  set_value(provisional_sensitivity(model_->config(), model_->graph()), SensitivityKind::provisional);
  if (model_->checkpoint->has_weights()) measure();
}

void Sensitivities::set_target(std::shared_ptr<const ExecutionTarget> target) {
  target_ = std::move(target);
  if (job().state == JobState::failed) measure(); // it failed on the other device
}

void Sensitivities::measure() {
  if (!model_ || !model_->checkpoint || !model_->checkpoint->has_weights() || job_.running()) return;
  settled_ = std::make_shared<std::atomic<bool>>(false);
  job_.start(
      [this, opened = model_, target = target_, options = options_,
       settled = settled_](const JobControl& control, const JobRunner::Post& post) -> JobRunner::Finish {
        const auto finish = [&](const Sensitivity& value) -> JobRunner::Finish {
          const OwnTextCache texts(*opened->checkpoint, begin_tokens(opened->tokenizer.get()), options.seed);
          const bool own_text = texts.complete();
          return [this, value, own_text] {
            own_text_cached_ = own_text;
            set_value(value, SensitivityKind::measured);
          };
        };
        if (const auto known = measured_before(*opened, options)) return finish(*known);
        SensitivityEvents events;
        events.on_loaded = [&](const std::shared_ptr<LanguageModel>& model) {
          post([this, running = RunningModel{opened, model}, target] {
            if (target == target_) models_.original = running;
          });
        };
        events.on_estimate = [&](const Sensitivity& so_far) {
          post([this, so_far] { set_value(so_far, SensitivityKind::partial); });
          return !settled->load();
        };
        const Sensitivity result = measure_sensitivity(*target, *opened, {}, options, control, events);
        remember(*opened, result, options);
        return finish(result);
      },
      tr("loading the model"));
}

void Sensitivities::cancel() { job_.cancel(); }

void Sensitivities::settle() {
  if (settled_) settled_->store(true);
  // The texts that are being read now need not be finished.
  if (!job_.running() || kind_ != SensitivityKind::partial) return;
  job_.abandon();
  const Sensitivity so_far = *value_;
  remember(*model_, so_far, options_);
  set_value(so_far, SensitivityKind::measured);
  emit progressed();
}

void Sensitivities::import_file(const QString& file) {
  try {
    auto read = read_sensitivity(to_path(file));
    job_.abandon();
    set_value(std::move(read), SensitivityKind::imported);
  } catch (const Error& error) {
    emit failed(QString::fromUtf8(error.what()));
  }
}

void Sensitivities::set_value(std::optional<Sensitivity> value, SensitivityKind kind) {
  if (!value && !value_) return;
  value_ = std::move(value);
  kind_ = kind;
  emit changed();
}

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/sensitivities.h"

#include "core/allocation/provisional_sensitivity.h"
#include "core/allocation/sensitivity_cache.h"
#include "core/base/error.h"
#include "core/worker/worker_jobs.h"
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
  SensitivityCache(*opened.checkpoint, {}, options).keep(sensitivity);
}

} // namespace

Sensitivities::Sensitivities(LoadedModels& models, QObject* parent)
    : QObject(parent)
    , models_(models)
    , workplace_(std::make_shared<Workplace>(Device())) {
  connect(&job_, &TrackedJob::changed, this, &Sensitivities::progressed);
  connect(&job_, &TrackedJob::failed, this, &Sensitivities::failed);
}

void Sensitivities::set_model(std::shared_ptr<const OpenedModel> model) {
  job_.abandon();
  model_ = std::move(model);
  if (!model_ || !model_->checkpoint) return set_value({}, SensitivityKind::none);
  set_value(provisional_sensitivity(model_->config(), model_->graph()), SensitivityKind::provisional);
  if (model_->checkpoint->has_weights()) measure();
}

void Sensitivities::set_workplace(std::shared_ptr<Workplace> workplace) {
  workplace_ = std::move(workplace);
  if (job().state == JobState::failed) measure(); // it failed on the other device
}

void Sensitivities::measure() {
  if (!model_ || !model_->checkpoint || !model_->checkpoint->has_weights() || job_.running()) return;
  settled_ = std::make_shared<std::atomic<bool>>(false);
  job_.start(
      [this, opened = model_, workplace = workplace_, options = options_,
       settled = settled_](const JobControl& control, const JobRunner::Post& post) -> JobRunner::Finish {
        if (auto known = measured_before(*opened, options))
          return [this, known] { set_value(known, SensitivityKind::measured); };
        const Place place = workplace->get();
        Sensitivity result;
        if (place.worker) {
          result =
              sensitivity_in_worker(*place.worker, place.device.id, path_of(*opened), {}, options, control);
        } else {
          const RunningModel running{opened, load_on_cpu(opened->weights(), cpu_options(*opened), control)};
          post([this, running, workplace] {
            if (workplace == workplace_) models_.original = running;
          });
          const auto on_estimate = [&](const Sensitivity& so_far) {
            post([this, so_far] { set_value(so_far, SensitivityKind::partial); });
            return !settled->load();
          };
          result = estimate_sensitivity(*running.model, opened->weights(), opened->config().name, {}, options,
                                        control, on_estimate);
        }
        remember(*opened, result, options);
        return [this, result] { set_value(result, SensitivityKind::measured); };
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

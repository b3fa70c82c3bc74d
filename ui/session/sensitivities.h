// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The sensitivities that are planned with: provisional at once, then measured, better and better, or
// imported.
#pragma once

#include <QString>
#include <atomic>
#include <optional>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"
#include "core/sensitivity/sensitivity.h"
#include "ui/session/loaded_models.h"
#include "ui/session/tracked_job.h"

namespace intarsia::ui {

enum class SensitivityKind {
  none,
  provisional, // by role and depth, as other models' are: nothing was measured
  partial,     // of the texts that were read so far
  measured,
  imported
};

class Sensitivities : public QObject {
  Q_OBJECT
 public:
  // What is loaded to be measured is left in `models` as the original.
  explicit Sensitivities(LoadedModels& models, QObject* parent = nullptr);

  // Null, or an artifact: there is nothing to measure.
  void set_model(std::shared_ptr<const OpenedModel> model);
  void set_target(std::shared_ptr<const ExecutionTarget> target);

  // How much is measured of the models opened from now on.
  void set_options(const SensitivityOptions& options) { options_ = options; }

  const std::optional<Sensitivity>& value() const { return value_; }
  SensitivityKind kind() const { return kind_; }
  const JobStatus& job() const { return job_.status(); }
  bool measuring() const { return job_.running(); }
  // The model's own text is cached, so that a calibration need not write it (core/sensitivity/own_text.h).
  bool own_text_cached() const { return own_text_cached_; }
  void set_own_text_cached() { own_text_cached_ = true; } // by another job

 public slots:
  void measure(); // from the beginning, or what was measured before
  void cancel();  // what was found so far is kept
  void settle();  // the same, because it is good enough: remembered as measured
  void import_file(const QString& file);

 signals:
  void changed();    // the value
  void progressed(); // of measuring
  void failed(const QString& sentence);

 private:
  void set_value(std::optional<Sensitivity> value, SensitivityKind kind);

  LoadedModels& models_;
  std::shared_ptr<const OpenedModel> model_;
  std::shared_ptr<const ExecutionTarget> target_;
  SensitivityOptions options_;
  std::optional<Sensitivity> value_;
  SensitivityKind kind_ = SensitivityKind::none;
  bool own_text_cached_ = false;
  std::shared_ptr<std::atomic<bool>> settled_; // of the present measurement
  TrackedJob job_;                             // last: it uses the others
};

} // namespace intarsia::ui

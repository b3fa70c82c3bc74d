// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Making the quantized model from a plan, what is left of interrupted runs, and how good the result is.
#pragma once

#include <QString>
#include <optional>
#include <vector>

#include "core/allocation/plan.h"
#include "core/artifact/quantize_job.h"
#include "core/jobs/execution_target.h"
#include "ui/session/calibration_choice.h"
#include "ui/session/loaded_models.h"
#include "ui/session/tracked_job.h"

namespace intarsia::ui {

struct Quality {
  double original_perplexity = 0, quantized_perplexity = 0, kl = 0;
  QString text;        // file it was measured on; empty: text that the original wrote itself
  QString no_original; // why the original was not measured beside it; empty when it was
};

class Quantization : public QObject {
  Q_OBJECT
 public:
  // What is made is left in `models` as the quantized one.
  explicit Quantization(LoadedModels& models, QObject* parent = nullptr);

  void set_model(std::shared_ptr<const OpenedModel> model, const QString& path); // ends what is running
  void set_target(std::shared_ptr<const ExecutionTarget> target); // of the next job: a running one goes on

  const JobStatus& job() const { return job_.status(); }
  bool running() const { return job_.running(); }
  bool measuring() const { return quality_job_.running(); }
  const JobStatus& quality_job() const { return quality_job_.status(); }
  const std::optional<Plan>& plan() const { return plan_; } // of the running or the last job
  const std::vector<LayerDone>& layers() const { return layers_; }
  const std::vector<QString>& notes() const { return notes_; } // what the job did otherwise than asked for
  QString output() const { return out_; }                      // of the running or the last job
  QString artifact_path() const { return artifact_; }          // that was made, or is open; empty: none
  std::optional<Plan> artifact_plan() const { return artifact_plan_; }
  const std::optional<Quality>& quality() const { return quality_; }

  const Calibration& calibration() const { return calibration_; } // of the next job

  // Something is left of an interrupted run into this folder.
  static bool has_partial(const QString& out);
  // The plan that it belongs to, when that is written down there and fits the open model.
  std::optional<Plan> partial_plan(const QString& out) const;

 public slots:
  // Into a folder of this name. Starts over where something is left of an interrupted run.
  void quantize(const intarsia::Plan& plan, const QString& out);
  void resume(const QString& out); // by the plan that is left there, calibrated as it was
  void set_calibration(const intarsia::ui::Calibration& calibration);
  void cancel() { job_.cancel(); } // what is finished stays, for resume

 signals:
  void changed(); // the job or its layers
  void calibration_changed();
  void made();            // an artifact is there, and loaded
  void quality_changed(); // or the progress of measuring it
  void failed(const QString& sentence);

 private:
  void start(const Plan& plan, const QString& out, const Calibration& calibration, bool resume);
  void measure_quality(const RunningModel& quantized, const std::shared_ptr<const ExecutionTarget>& target);

  LoadedModels& models_;
  std::shared_ptr<const OpenedModel> model_;
  QString path_, out_, artifact_;
  std::shared_ptr<const ExecutionTarget> target_;
  std::optional<Plan> plan_, artifact_plan_;
  Calibration calibration_;
  std::vector<LayerDone> layers_;
  std::vector<QString> notes_;
  std::optional<Quality> quality_;
  TrackedJob job_, quality_job_; // last: they use the others
};

} // namespace intarsia::ui

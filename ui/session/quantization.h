// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The job that makes the quantized model from a plan, and the measurement of how good the result is.
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

// Of the running job, or of the last one.
struct QuantizationRun {
  std::optional<Plan> plan; // absent: there was no job
  QString output;           // folder of the artifact
  std::vector<LayerDone> layers;
  std::vector<QString> notes; // what the job did otherwise than asked for, sentences
};

struct QuantizedArtifact {
  QString path;
  Plan plan;
};

class Quantization : public QObject {
  Q_OBJECT
 public:
  // The quantized model is stored in `models`.
  explicit Quantization(LoadedModels& models, QObject* parent = nullptr);

  void set_model(std::shared_ptr<const OpenedModel> model, const QString& path); // cancels running jobs
  void set_target(std::shared_ptr<const ExecutionTarget> target);                // of the next job

  const JobStatus& job() const { return job_.status(); }
  bool running() const { return job_.running(); }
  bool measuring() const { return quality_job_.running(); }
  const JobStatus& quality_job() const { return quality_job_.status(); }
  const QuantizationRun& run() const { return run_; }
  // The one that was made of the open model, or is open itself.
  const std::optional<QuantizedArtifact>& artifact() const { return artifact_; }
  const std::optional<Quality>& quality() const { return quality_; }

  const Calibration& calibration() const { return calibration_; } // of the next job

 public slots:
  // Makes the artifact in the folder `out`. Starts over where an interrupted run has left a part
  // (partial_run.h).
  void quantize(const intarsia::Plan& plan, const QString& out);
  void resume(const QString& out); // an interrupted run, with its plan and calibration
  void set_calibration(const intarsia::ui::Calibration& calibration);
  void cancel() { job_.cancel(); } // finished layers stay, for resume()

 signals:
  void changed(); // the job or its layers
  void calibration_changed();
  void made();            // the artifact is written and loaded
  void quality_changed(); // or the progress of measuring it
  void failed(const QString& sentence);

 private:
  void start(const Plan& plan, const QString& out, const Calibration& calibration, bool resume);
  void measure_quality(const RunningModel& quantized, const std::shared_ptr<const ExecutionTarget>& target);

  LoadedModels& models_;
  std::shared_ptr<const OpenedModel> model_;
  QString path_;
  std::shared_ptr<const ExecutionTarget> target_;
  QuantizationRun run_;
  std::optional<QuantizedArtifact> artifact_;
  Calibration calibration_;
  std::optional<Quality> quality_;
  TrackedJob job_, quality_job_; // last: they use the others
};

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/quantization.h"

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/device/device.h"
#include "core/jobs/evaluate.h"
#include "core/jobs/load.h"
#include "core/jobs/quantize.h"
#include "core/runtime/model_samples.h"
#include "ui/session/file_path.h"
#include "ui/session/partial_run.h"

namespace intarsia::ui {
namespace {

constexpr EvaluationOptions quality_options{.context = 512, .max_tokens = 4096};

// Beside the original, where there is one.
Quality quality_of(const RunningModel& quantized, const RunningModel& original, const EvaluationText& text,
                   const JobControl& control) {
  Quality quality;
  if (!original) {
    quality.quantized_perplexity =
        evaluate_perplexity(*quantized.model, text, quality_options, control).perplexity;
    return quality;
  }
  const auto result = evaluate_divergence(*quantized.model, *original.model, text, quality_options, control);
  quality.original_perplexity = result.reference.perplexity;
  quality.quantized_perplexity = result.model.perplexity;
  quality.kl = result.mean_kl;
  return quality;
}

// Sequences that no calibration on the model's own text has seen: another seed.
EvaluationText written_by(LanguageModel& original, const Tokenizer* tokenizer, const JobControl& control) {
  SampleOptions options;
  options.count = 16;
  options.seed = 2;
  options.length = std::min(options.length, original.config().max_positions);
  options.prefix = begin_tokens(tokenizer);
  EvaluationText text;
  text.documents.clear();
  for (const auto& sequence : sample_from_model(original, options, control)) {
    text.documents.push_back(text.tokens.size());
    text.tokens.insert(text.tokens.end(), sequence.begin(), sequence.end());
  }
  return text;
}

} // namespace

Quantization::Quantization(LoadedModels& models, QObject* parent)
    : QObject(parent)
    , models_(models)
    , target_(std::make_shared<const ExecutionTarget>(Device())) {
  connect(&job_, &TrackedJob::changed, this, &Quantization::changed);
  connect(&job_, &TrackedJob::failed, this, &Quantization::failed);
  connect(&quality_job_, &TrackedJob::changed, this, &Quantization::quality_changed);
  connect(&quality_job_, &TrackedJob::failed, this, &Quantization::failed);
}

void Quantization::set_model(std::shared_ptr<const OpenedModel> model, const QString& path) {
  job_.abandon();
  quality_job_.abandon();
  model_ = std::move(model);
  path_ = path;
  run_ = {};
  quality_.reset();
  artifact_.reset();
  if (model_ && model_->artifact) artifact_ = QuantizedArtifact{path, model_->artifact->plan()};
  emit changed();
  emit quality_changed();
}

void Quantization::set_target(std::shared_ptr<const ExecutionTarget> target) { target_ = std::move(target); }

void Quantization::set_calibration(const Calibration& calibration) {
  if (calibration == calibration_) return;
  calibration_ = calibration;
  emit calibration_changed();
}

void Quantization::quantize(const Plan& plan, const QString& out) { start(plan, out, calibration_, false); }

void Quantization::resume(const QString& out) {
  if (const auto plan = partial_plan(out, model_.get()))
    start(*plan, out, saved_calibration(out), true);
  else
    emit failed(tr("%1: what is left there belongs to another model or another version, so it cannot be "
                   "taken up. Quantize into another folder.")
                    .arg(partial_folder(out)));
}

void Quantization::start(const Plan& plan, const QString& out, const Calibration& calibration, bool resume) {
  if (!model_ || !model_->checkpoint || job_.running()) return;
  quality_job_.abandon();
  quality_.reset();
  run_ = {plan, out, {}, {}};
  save_calibration(out, calibration);
  job_.start(
      [this, out, resume, calibration, opened = model_, plan,
       target = target_](const JobControl& control, const JobRunner::Post& post) -> JobRunner::Finish {
        QuantizeOptions options;
        options.resume = resume;
        options.calibration = calibration_choice(calibration, opened->tokenizer.get());
        options.on_layer = [&](const LayerDone& layer) {
          post([this, layer] {
            if (layer.resumed) job_.skip_what_is_done();
            run_.layers.push_back(layer);
            emit changed();
          });
        };
        options.on_note = [&](const std::string& note) {
          post([this, note = QString::fromStdString(note)] {
            run_.notes.push_back(note);
            emit changed();
          });
        };
        intarsia::quantize(*target, *opened, plan, to_path(out), options, control);
        auto artifact = std::make_shared<const OpenedModel>(open_model(to_path(out)));
        const RunningModel running{artifact, load(*target, *artifact, default_context(*artifact), control)};
        return [this, out, plan, running, target] {
          artifact_ = QuantizedArtifact{out, plan};
          models_.quantized = target == target_ ? running : RunningModel();
          measure_quality(running, target);
          forget_calibration(out); // nothing is left to resume
          emit made();
        };
      },
      {}, 0);
}

// On the held-out text that came with the model; where there is none, on text that the original writes.
void Quantization::measure_quality(const RunningModel& quantized,
                                   const std::shared_ptr<const ExecutionTarget>& target) {
  const auto text = to_path(path_) / "heldout.txt";
  const bool has_text = model_->tokenizer && std::filesystem::exists(text);
  // In this process the original is there when its sensitivities were measured, else it is loaded where there
  // is ample room for it; a worker loads it for this alone.
  const bool loads_original = target->in_worker();
  const double needed = 4 * double(model_->graph().linear_weights() + model_->graph().embedding.weights());
  if (!models_.original && !loads_original && needed > 0.5 * double(available_memory())) return;
  quality_job_.start([this, text, has_text, quantized, target, opened = model_,
                      original = loads_original ? RunningModel() : models_.original](
                         const JobControl& control, const JobRunner::Post&) mutable -> JobRunner::Finish {
    QString no_original;
    if (!original) try {
        original = {opened, load(*target, *opened, quality_options.context, control)};
      } catch (const Error& error) { // it may be too large for the device: measure what can be
        if (error.kind() == ErrorKind::cancelled || !is_alive(*quantized.model)) throw;
        no_original = QString::fromUtf8(error.what());
      }
    if (!original && !has_text) return [] {}; // nothing to measure on
    Quality quality = quality_of(quantized, original,
                                 has_text ? evaluation_text(*opened->tokenizer, read_corpus(text))
                                          : written_by(*original.model, opened->tokenizer.get(), control),
                                 control);
    if (has_text) quality.text = from_path(text);
    quality.no_original = no_original;
    return [this, quality] { quality_ = quality; };
  });
}

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later
// Whole jobs, done where the model is: a model in a worker is evaluated there, so that no logits travel.
#pragma once

#include <vector>

#include "core/allocation/sensitivity.h"
#include "core/artifact/quantize_job.h"
#include "core/evaluation/evaluation.h"
#include "core/worker/worker_model.h"

namespace intarsia {

// As perplexity() and divergence(), for models anywhere.
PerplexityResult perplexity_anywhere(LanguageModel& model, const EvaluationText& text,
                                     const EvaluationOptions& options, const JobControl& control);
DivergenceResult divergence_anywhere(LanguageModel& model, LanguageModel& reference,
                                     const EvaluationText& text, const EvaluationOptions& options,
                                     const JobControl& control);

// Of tokens that are one document.
inline PerplexityResult perplexity_anywhere(LanguageModel& model, std::span<const int> tokens,
                                            std::size_t context, int bos, const JobControl& control) {
  return perplexity_anywhere(model, EvaluationText{{tokens.begin(), tokens.end()}, {0}, bos}, {context, 0},
                             control);
}
inline DivergenceResult divergence_anywhere(LanguageModel& model, LanguageModel& reference,
                                            std::span<const int> tokens, std::size_t context, int bos,
                                            const JobControl& control) {
  return divergence_anywhere(model, reference, EvaluationText{{tokens.begin(), tokens.end()}, {0}, bos},
                             {context, 0}, control);
}

// As estimate_sensitivity(), in a worker, on "cpu" or "cuda:N". `path` is the checkpoint's or the artifact's,
// which the worker opens itself.
Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control);

// The bytes of a GPU's memory that models, each with a sequence of so many tokens, will take at most, with
// what CUDA takes beside them. Exact but for what CUDA loads later.
std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context);
// The bytes of a GPU's memory that its backend takes beside a model.
std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device);
// The most bytes of the device's memory that the worker has taken so far; of the CPU's, its whole process.
std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device);

struct WorkerQuantizeOptions {
  std::uint64_t seed = 1;
  bool resume = false;
  std::optional<CalibrationChoice> calibration;    // as in QuantizeOptions
  std::function<void(const LayerDone&)> on_layer;  // called from this thread; may be empty
  std::function<void(const std::string&)> on_note; // the same
};

// As quantize_model(), in a worker, on "cpu" or "cuda:N".
void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const WorkerQuantizeOptions& options,
                        const JobControl& control);

} // namespace intarsia

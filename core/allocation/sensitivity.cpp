// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/sensitivity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/allocation/clipped_mean.h"
#include "core/allocation/feedback_factors.h"
#include "core/allocation/fisher.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/runtime/model_samples.h"

namespace intarsia {
namespace {

// Of the whole work, for progress: sampling computes every token once, the way there and back three times,
// the moments for feedback once more.
constexpr double sampling_share = 0.2, feedback_share = 0.2;

std::vector<Tokens> sample_texts(LanguageModel& model, const SensitivityOptions& options,
                                 const JobControl& control) {
  const JobControl first_part{[&](const Progress& progress) {
                                control.report(progress.stage,
                                               sampling_share * progress.done / progress.total, 1);
                              },
                              control.stop};
  return sample_from_model(model, {options.samples, options.sequence_length, options.seed, {}}, first_part);
}

std::vector<Tokens> cut_from_text(std::span<const int> text, const SensitivityOptions& options) {
  if (text.size() < 2)
    throw Error(ErrorKind::usage, "the text is too short for a sensitivity: it has fewer than 2 tokens");
  const std::size_t length = std::min(options.sequence_length, text.size());
  Random random(seed_for(options.seed, "text sequences"));
  std::vector<Tokens> sequences;
  for (std::size_t i = 0; i < options.samples; ++i) {
    const std::size_t start = random.below(text.size() - length + 1);
    sequences.emplace_back(text.begin() + std::ptrdiff_t(start),
                           text.begin() + std::ptrdiff_t(start + length));
  }
  return sequences;
}

} // namespace

Sensitivity for_calibrated(Sensitivity sensitivity) {
  if (sensitivity.calibrated || sensitivity.feedback.empty()) return sensitivity;
  for (const auto& [layer, factor] : sensitivity.feedback)
    for (auto* values : {&sensitivity.layers, &sensitivity.standard_errors})
      if (const auto found = values->find(layer); found != values->end()) found->second *= factor;
  sensitivity.calibrated = true;
  return sensitivity;
}

Sensitivity estimate_sensitivity(LanguageModel& model, const WeightSource& weights,
                                 const std::string& model_name, std::span<const int> text_tokens,
                                 const SensitivityOptions& options, const JobControl& control) {
  if (options.samples == 0 || options.sequence_length < 2)
    throw Error(ErrorKind::usage,
                "a sensitivity needs at least one sample and sequences of at least 2 tokens");
  Sensitivity result{
      model_name, text_tokens.empty() ? "data-free" : "text", options.samples, options.seed, 0, {}, {}, {},
      false};
  const auto start = std::chrono::steady_clock::now();
  const auto sequences =
      text_tokens.empty() ? sample_texts(model, options, control) : cut_from_text(text_tokens, options);
  const auto part = [&](double begin, double share) {
    return JobControl{[&control, begin, share](const Progress& progress) {
                        control.report(progress.stage, begin + share * progress.done / progress.total, 1);
                      },
                      control.stop};
  };
  result.feedback =
      feedback_factors(weights, sequences, model.products(), part(sampling_share, feedback_share));
  const JobControl last = part(sampling_share + feedback_share, 1 - sampling_share - feedback_share);
  for (const auto& [layer, values] :
       fisher_curvature(weights, sequences, options.seed, model.products(), last)) {
    const Estimate estimate = clipped_mean(values);
    if (!std::isfinite(estimate.mean))
      throw input_error("the model computes numbers that are not finite in " + layer +
                        "; its file is damaged, download it again");
    result.layers[layer] = estimate.mean;
    result.standard_errors[layer] = estimate.standard_error;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  control.report("sensitivity", 1, 1);
  return result;
}

} // namespace intarsia

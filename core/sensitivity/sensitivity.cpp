// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/sensitivity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/runtime/model_samples.h"
#include "core/sensitivity/clipped_mean.h"
#include "core/sensitivity/feedback_factors.h"
#include "core/sensitivity/fisher.h"

namespace intarsia {
namespace {

// Of the whole work, for progress: sampling computes every token once, the way there and back three times,
// the moments for feedback, at the end, once more.
constexpr double sampling_share = 0.25, feedback_share = 0.2;
constexpr double extra_share = 0.6; // of that for feedback, where texts have to be added

// Sequences `begin` to `end` of those that the model writes itself.
std::vector<Tokens> sample_texts(LanguageModel& model, const SensitivityOptions& options, std::size_t begin,
                                 std::size_t end, const JobControl& control) {
  return sample_from_model(model, {end - begin, options.sequence_length, options.seed, options.prefix, begin},
                           control);
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

void summarise(const std::map<std::string, std::vector<double>>& values, Sensitivity& result) {
  for (const auto& [layer, of_sequences] : values) {
    const Estimate estimate = clipped_mean(of_sequences);
    if (!std::isfinite(estimate.mean))
      throw input_error("the model computes numbers that are not finite in " + layer +
                        "; its file is damaged, download it again");
    result.layers[layer] = estimate.mean;
    result.standard_errors[layer] = estimate.standard_error;
  }
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

std::vector<std::size_t> estimate_steps(std::size_t samples) {
  std::vector<std::size_t> steps;
  for (const std::size_t sixteenths : {1, 2, 4, 6, 8, 10, 12, 14, 16})
    if (const std::size_t count = std::max<std::size_t>(1, samples * sixteenths / 16);
        steps.empty() || count > steps.back())
      steps.push_back(count);
  return steps;
}

Sensitivity estimate_sensitivity(LanguageModel& model, const WeightSource& weights,
                                 const std::string& model_name, std::span<const int> text_tokens,
                                 SensitivityOptions options, const JobControl& control,
                                 const OnEstimate& on_estimate, const OnWeighed& on_weighed) {
  if (options.samples == 0 || options.sequence_length < 2)
    throw Error(ErrorKind::usage,
                "a sensitivity needs at least one sample and sequences of at least 2 tokens");
  options.sequence_length = std::min(options.sequence_length, weights.config().max_positions);
  const auto start = std::chrono::steady_clock::now();
  const auto cut = text_tokens.empty() ? std::vector<Tokens>() : cut_from_text(text_tokens, options);
  std::vector<Tokens> all;
  std::map<std::string, std::vector<double>> values;
  OutputGradients gradients(weights.config().head_dim);
  Sensitivity result{
      model_name, text_tokens.empty() ? "data-free" : "text", options.samples, options.seed, 0, {}, {}, {},
      false};
  const double total = double(options.samples);
  // Without anybody to show it to, all at once: larger batches are quicker.
  for (const std::size_t step :
       on_estimate ? estimate_steps(options.samples) : std::vector{options.samples}) {
    const std::size_t read = all.size();
    const auto share = [&](double from, double part) {
      return JobControl{[&, from, part](const Progress& progress) {
                          const double here = from + part * progress.done / std::max(1e-9, progress.total);
                          control.report(progress.stage,
                                         (1 - feedback_share) * (double(read) + here * double(step - read)),
                                         total);
                        },
                        control.stop};
    };
    const auto sequences = cut.empty() ? sample_texts(model, options, read, step, share(0, sampling_share))
                                       : std::vector<Tokens>(cut.begin() + std::ptrdiff_t(read),
                                                             cut.begin() + std::ptrdiff_t(step));
    for (auto& [layer, found] : fisher_curvature(weights, sequences, options.seed, model.products(),
                                                 share(sampling_share, 1 - sampling_share), read, &gradients))
      values[layer].insert(values[layer].end(), found.begin(), found.end());
    all.insert(all.end(), sequences.begin(), sequences.end());
    result.samples = step;
    summarise(values, result);
    if (cut.empty() && on_weighed) on_weighed(all, gradients);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (on_estimate && !on_estimate(result)) break;
  }
  const auto last = [&](double from, double part) {
    return JobControl{[&, from, part](const Progress& progress) {
                        const double here = from + part * progress.done / std::max(1e-9, progress.total);
                        control.report(progress.stage, (1 - feedback_share * (1 - here)) * total, total);
                      },
                      control.stop};
  };
  const std::size_t wanted = feedback_tokens(weights.graph()) / options.sequence_length;
  double done = 0;
  if (cut.empty() &&
      wanted > all.size()) { // few texts are enough for a_l, too few for the moments of wide inputs
    done = extra_share;
    const auto more = sample_texts(model, options, all.size(), wanted, {{}, control.stop});
    add_output_gradients(weights, more, {options.seed, all.size()}, model.products(), last(0, done),
                         gradients);
    all.insert(all.end(), more.begin(), more.end());
    if (on_weighed) on_weighed(all, gradients);
  }
  result.feedback = feedback_factors(weights, all, gradients, model.products(), last(done, 1 - done));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  control.report("sensitivity", total, total);
  return result;
}

} // namespace intarsia

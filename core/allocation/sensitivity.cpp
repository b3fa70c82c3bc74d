// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/sensitivity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/allocation/clipped_mean.h"
#include "core/allocation/fisher.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"

namespace intarsia {
namespace {

// Of the whole work, for progress: sampling computes every token once, the way there and back three times.
constexpr double sampling_share = 0.25;

// From the whole distribution, which needs no order as a Sampler's does.
int draw(std::span<const float> logits, Random& random) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<float> weights(logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) sum += double(weights[i] = std::exp(logits[i] - largest));
  double left = random.uniform() * sum;
  std::size_t token = 0;
  while (token + 1 < weights.size() && (left -= double(weights[token])) >= 0) ++token;
  return int(token);
}

// Sequences that the model makes itself. One token at random to begin with: after several the model would
// read gibberish, and a few layers answer that with losses no text ever sees.
class OwnTexts {
 public:
  OwnTexts(LanguageModel& model, const SensitivityOptions& options)
      : model_(model)
      , length_(options.sequence_length)
      , random_(seed_for(options.seed, "data-free sequences")) {}

  // The next `count`; progress is the part of them that is there.
  std::vector<Tokens> next(std::size_t count, const JobControl& control) {
    const std::size_t vocabulary = model_.config().vocabulary;
    std::vector<Random> randoms;
    std::vector<Tokens> sequences;
    for (std::size_t i = 0; i < count; ++i) {
      randoms.emplace_back(random_.next());
      sequences.push_back({int(random_.below(vocabulary))});
    }
    for (std::size_t first = 0; first < sequences.size(); first += model_.batch_size()) {
      const auto part =
          std::span(sequences).subspan(first, std::min(model_.batch_size(), sequences.size() - first));
      const auto batch = model_.new_batch(part.size(), length_);
      for (std::size_t step = 1; step < length_; ++step) {
        const double done = double(first) + double(part.size() * step) / double(length_);
        control.report("sampling texts", done, double(sequences.size()));
        Tokens last;
        for (const Tokens& sequence : part) last.push_back(sequence.back());
        const auto logits = batch->step(last, control.stop);
        parallel_for(part.size(), [&](std::size_t i) {
          part[i].push_back(draw(std::span(logits).subspan(i * vocabulary, vocabulary), randoms[first + i]));
        });
      }
    }
    return sequences;
  }

 private:
  LanguageModel& model_;
  std::size_t length_;
  Random random_;
};

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
                                 const SensitivityOptions& options, const JobControl& control,
                                 const OnEstimate& on_estimate) {
  if (options.samples == 0 || options.sequence_length < 2)
    throw Error(ErrorKind::usage,
                "a sensitivity needs at least one sample and sequences of at least 2 tokens");
  const auto start = std::chrono::steady_clock::now();
  OwnTexts own(model, options);
  const auto cut = text_tokens.empty() ? std::vector<Tokens>() : cut_from_text(text_tokens, options);
  std::map<std::string, std::vector<double>> values;
  Sensitivity result{
      model_name, text_tokens.empty() ? "data-free" : "text", options.samples, options.seed, 0, {}, {}};
  std::size_t read = 0;
  // Without anybody to show it to, all at once: larger batches are quicker.
  for (const std::size_t step :
       on_estimate ? estimate_steps(options.samples) : std::vector{options.samples}) {
    const auto share = [&](double from, double part) {
      return JobControl{[&, from, part](const Progress& progress) {
                          const double here = from + part * progress.done / std::max(1e-9, progress.total);
                          control.report(progress.stage, double(read) + here * double(step - read),
                                         double(options.samples));
                        },
                        control.stop};
    };
    const auto sequences = cut.empty() ? own.next(step - read, share(0, sampling_share))
                                       : std::vector<Tokens>(cut.begin() + std::ptrdiff_t(read),
                                                             cut.begin() + std::ptrdiff_t(step));
    for (auto& [layer, found] : fisher_curvature(weights, sequences, options.seed, model.products(),
                                                 share(sampling_share, 1 - sampling_share), read))
      values[layer].insert(values[layer].end(), found.begin(), found.end());
    read = step;
    result.samples = read;
    summarise(values, result);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (on_estimate && !on_estimate(result)) break;
  }
  control.report("sensitivity", double(options.samples), double(options.samples));
  return result;
}

} // namespace intarsia

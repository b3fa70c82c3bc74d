// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/sensitivity.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/evaluation/evaluation.h"
#include "core/runtime/sampler.h"

namespace intarsia {
namespace {

// Relative noise variances t^2: large enough to stand out of f32 rounding, small enough for the linear
// regime.
constexpr std::array<double, 2> noise_levels{0.002, 0.008};
// Each draw of noise is measured on text of its own: what scatters is the text, much more than the noise,
// which a layer's many weights average out. More sets than these would not fit beside a large model.
constexpr std::size_t most_sets = 8;

using Tokens = std::vector<int>;

std::size_t sets_of(const SensitivityOptions& options) { return std::min(options.samples, most_sets); }

std::vector<Tokens> sample_from_model(LanguageModel& model, const SensitivityOptions& options,
                                      const JobControl& control) {
  Random random(seed_for(options.seed, "data-free sequences"));
  SamplingSettings sampling;
  sampling.temperature = 1;
  sampling.top_p = 1;
  std::vector<Tokens> sequences;
  const auto sequence = model.new_sequence(options.sequence_length);
  for (std::size_t i = 0; i < sets_of(options) * options.sequences; ++i) {
    control.throw_if_stopped();
    sampling.seed = random.next();
    Sampler sampler(sampling);
    // One token at random to begin with: after several the model would read gibberish, and a few layers
    // answer that with losses no text ever sees.
    Tokens tokens{int(random.below(model.config().vocabulary))};
    sequence->truncate(0);
    std::span<const int> next = tokens;
    while (tokens.size() < options.sequence_length) {
      const auto logits = sequence->forward(next, true, control.stop);
      tokens.push_back(sampler.sample(logits, tokens));
      next = std::span<const int>(tokens).last(1);
    }
    sequences.push_back(std::move(tokens));
  }
  return sequences;
}

std::vector<Tokens> cut_from_text(std::span<const int> text, const SensitivityOptions& options) {
  if (text.size() < 2)
    throw Error(ErrorKind::usage, "the text is too short for a sensitivity: it has fewer than 2 tokens");
  const std::size_t length = std::min(options.sequence_length, text.size());
  Random random(seed_for(options.seed, "text sequences"));
  std::vector<Tokens> sequences;
  for (std::size_t i = 0; i < sets_of(options) * options.sequences; ++i) {
    const std::size_t start = random.below(text.size() - length + 1);
    sequences.emplace_back(text.begin() + std::ptrdiff_t(start),
                           text.begin() + std::ptrdiff_t(start + length));
  }
  return sequences;
}

// KL(clean || noisy) averaged over the tokens of all test sequences. Layers are changed in the order of the
// blocks, so the residual stream that enters the changed block is computed once.
class DivergenceProbe {
 public:
  // `sequences`: `sets` sets, one behind the other.
  DivergenceProbe(LanguageModel& model, const std::vector<Tokens>& sequences, std::size_t sets,
                  const JobControl& control)
      : model_(model)
      , control_(control)
      , sets_(sets)
      , sequences_(sequences)
      , sequence_(model.new_sequence(sequences[0].size())) {
    for (const Tokens& tokens : sequences_) {
      residuals_.push_back(sequence_->embed(tokens));
      clean_.push_back(logits_from(0, residuals_.back()));
    }
  }

  // The model must be clean, and `block` not before that of the last call.
  void advance_to(std::size_t block) {
    for (auto& residual : residuals_) sequence_->run_blocks(residual, block_, block, control_.stop);
    block_ = block;
  }

  // With a layer of the block changed that it advanced to (the head: behind the last block).
  double measure(std::size_t set) {
    return divergence(set, [&](std::size_t s) { return logits_from(block_, residuals_[s]); });
  }
  // With the embedding changed.
  double measure_all(std::size_t set) {
    return divergence(set, [&](std::size_t s) { return logits_from(0, sequence_->embed(sequences_[s])); });
  }

 private:
  template <typename Logits>
  double divergence(std::size_t set, const Logits& noisy_logits) {
    const std::size_t vocabulary = model_.config().vocabulary;
    double sum = 0;
    std::size_t count = 0;
    const std::size_t in_a_set = clean_.size() / sets_;
    for (std::size_t s = set * in_a_set; s < (set + 1) * in_a_set; ++s) {
      control_.throw_if_stopped();
      const std::vector<float> noisy = noisy_logits(s);
      std::vector<double> kl(noisy.size() / vocabulary);
      parallel_for(kl.size(), [&](std::size_t t) {
        kl[t] = kl_divergence(std::span<const float>(clean_[s]).subspan(t * vocabulary, vocabulary),
                              std::span<const float>(noisy).subspan(t * vocabulary, vocabulary));
      });
      for (const double value : kl) sum += value;
      count += kl.size();
    }
    return sum / double(count);
  }

  std::vector<float> logits_from(std::size_t block, std::vector<float> residual) {
    sequence_->run_blocks(residual, block, model_.config().blocks, control_.stop);
    return sequence_->to_logits(residual);
  }

  LanguageModel& model_;
  const JobControl& control_;
  const std::size_t sets_;
  const std::vector<Tokens> sequences_;
  std::unique_ptr<Sequence> sequence_;
  std::size_t block_ = 0;
  std::vector<std::vector<float>> residuals_; // of each sequence, as it enters block_
  std::vector<std::vector<float>> clean_;     // logits
};

DenseLinear dense_copy(const LinearWeights& weights) {
  if (const auto* dense = std::get_if<DenseLinear>(&weights)) return *dense;
  const auto& quantized = std::get<QuantizedLinear>(weights);
  return {quantized.shape, dequantize_linear(quantized)};
}

// W + t * rms(row) * N(0, 1): as our quantizers distort, each row in proportion to its own scale.
DenseLinear with_noise(const DenseLinear& clean, double variance, std::uint64_t seed) {
  DenseLinear noisy = clean;
  const std::size_t columns = clean.shape.columns;
  parallel_ranges(clean.shape.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      Random random(seed_for(seed, std::to_string(row)));
      const auto values = std::span(noisy.weights).subspan(row * columns, columns);
      double energy = 0;
      for (const float value : values) energy += double(value) * value;
      const float scale = float(std::sqrt(variance * energy / double(columns)));
      for (float& value : values) value += scale * random.normal();
    }
  });
  return noisy;
}

struct Estimate {
  double slope = 0, standard_error = 0;
};

// Least squares through the origin with weights 1/x: KL's spread grows with its mean, so each draw's ratio KL
// / t^2 is as good as another's and the slope is their mean.
Estimate mean_ratio(const std::vector<double>& ratios) {
  Estimate estimate;
  for (const double ratio : ratios) estimate.slope += ratio / double(ratios.size());
  double squares = 0;
  for (const double ratio : ratios) squares += (ratio - estimate.slope) * (ratio - estimate.slope);
  if (ratios.size() > 1)
    estimate.standard_error = std::sqrt(squares / double(ratios.size() * (ratios.size() - 1)));
  return estimate;
}

// Puts the layer back whatever happens.
class Restore {
 public:
  Restore(LanguageModel& model, const LinearLayer& layer, LinearWeights weights)
      : model_(model)
      , layer_(layer)
      , weights_(std::move(weights)) {}
  ~Restore() { model_.replace_linear(layer_.name, std::move(weights_)); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  LanguageModel& model_;
  const LinearLayer& layer_;
  LinearWeights weights_;
};

} // namespace

Sensitivity estimate_sensitivity(LanguageModel& model, const WeightSource& weights,
                                 const std::string& model_name, std::span<const int> text_tokens,
                                 const SensitivityOptions& options, const JobControl& control) {
  if (options.samples == 0 || options.sequences == 0 || options.sequence_length < 2)
    throw Error(ErrorKind::usage,
                "a sensitivity needs at least one sample and sequences of at least 2 tokens");
  Sensitivity result{
      model_name, text_tokens.empty() ? "data-free" : "text", options.samples, options.seed, 0, {}, {}};
  const auto start = std::chrono::steady_clock::now();
  DivergenceProbe probe(model,
                        text_tokens.empty() ? sample_from_model(model, options, control)
                                            : cut_from_text(text_tokens, options),
                        sets_of(options), control);
  // In the order in which they are passed through: the probe never goes back.
  std::vector<const LinearLayer*> layers{&model.graph().embedding};
  for (const LinearLayer& layer : model.graph().linears) layers.push_back(&layer);
  if (model.graph().head) layers.push_back(&*model.graph().head);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LinearLayer& layer = *layers[i];
    const bool embedding = layer.role == LinearRole::embedding;
    probe.advance_to(layer.block);
    LinearWeights original = weights.linear(layer);
    const DenseLinear clean = dense_copy(original);
    const Restore restore(model, layer, std::move(original));
    std::vector<double> ratios;
    for (std::size_t sample = 0; sample < options.samples; ++sample) {
      control.report(layer.name, double(i * options.samples + sample),
                     double(layers.size() * options.samples));
      const double variance = noise_levels[sample % noise_levels.size()];
      const std::uint64_t seed = seed_for(options.seed + sample, layer.name);
      model.replace_linear(layer.name, with_noise(clean, variance, seed));
      const std::size_t set = sample % sets_of(options);
      ratios.push_back((embedding ? probe.measure_all(set) : probe.measure(set)) / variance);
    }
    const Estimate estimate = mean_ratio(ratios);
    result.layers[layer.name] = estimate.slope;
    result.standard_errors[layer.name] = estimate.standard_error;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  control.report("sensitivity", 1, 1);
  return result;
}

} // namespace intarsia

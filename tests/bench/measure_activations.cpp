// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What int8 activations cost: KL divergence of the next-token distribution from the same quantized model with
// f32 activations, for one int8 and for two, and beside it that of the quantized weights from the original's.
//   measure_activations TEXT TOKENS MODEL QUANTIZED …
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <string>

#include "core/artifact/open_model.h"
#include "core/base/mapped_file.h"
#include "core/runtime/backend.h"

using namespace intarsia;

namespace {

constexpr std::size_t together = 2; // tokens: few enough for the fused kernels of every quantizer

std::vector<double> log_softmax(std::span<const float> logits) {
  double largest = -INFINITY, sum = 0;
  for (const float value : logits) largest = std::max(largest, double(value));
  for (const float value : logits) sum += std::exp(double(value) - largest);
  std::vector<double> result;
  for (const float value : logits) result.push_back(double(value) - largest - std::log(sum));
  return result;
}

// Mean over the tokens of KL(reference | model) in nats.
double divergence(LanguageModel& reference, LanguageModel& model, std::span<const int> tokens) {
  const std::size_t vocabulary = model.config().vocabulary;
  const auto a = reference.new_sequence(tokens.size()), b = model.new_sequence(tokens.size());
  double total = 0;
  for (std::size_t at = 0; at < tokens.size(); at += together) {
    const auto part = tokens.subspan(at, std::min(together, tokens.size() - at));
    const auto p = a->forward(part, false, {}), q = b->forward(part, false, {});
    for (std::size_t t = 0; t < part.size(); ++t) {
      const auto lp = log_softmax(std::span(p).subspan(t * vocabulary, vocabulary));
      const auto lq = log_softmax(std::span(q).subspan(t * vocabulary, vocabulary));
      for (std::size_t i = 0; i < vocabulary; ++i) total += std::exp(lp[i]) * (lp[i] - lq[i]);
    }
  }
  return total / double(tokens.size());
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 5) return fmt::print(stderr, "usage: measure_activations TEXT TOKENS MODEL QUANTIZED …\n"), 2;
  const OpenedModel opened = open_model(argv[3]);
  if (!opened.tokenizer) return fmt::print(stderr, "{} has no tokenizer\n", argv[3]), 1;
  std::vector<int> tokens = opened.tokenizer->encode(read_text_file(argv[1]));
  tokens.resize(std::min(tokens.size(), std::size_t(std::atoi(argv[2]))));
  const auto load = [](const OpenedModel& model, std::size_t terms) {
    CpuOptions options{.half_precision_cache = true, .half_precision_weights = true};
    options.activation_terms = terms;
    return load_on_cpu(model.weights(), options, {});
  };
  const auto original = load(opened, 0);
  fmt::print("{} tokens; KL in nats per token\n{:<20} {:>12} {:>12} {:>12}\n", tokens.size(), "model",
             "one int8", "two int8", "the weights");
  for (int i = 4; i < argc; ++i) {
    const OpenedModel quantized = open_model(argv[i]);
    const auto exact = load(quantized, 0), one = load(quantized, 1), two = load(quantized, 2);
    fmt::print("{:<20} {:>12.5f} {:>12.6f} {:>12.4f}\n", argv[i], divergence(*exact, *one, tokens),
               divergence(*exact, *two, tokens), divergence(*original, *exact, tokens));
  }
  return 0;
}

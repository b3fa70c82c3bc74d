// SPDX-License-Identifier: GPL-3.0-or-later
// How good a model is on a text, and how far it is from another.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/progress.h"
#include "core/runtime/backend.h"

namespace intarsia {

struct PerplexityResult {
  double perplexity = 0;     // exp of the mean negative log-likelihood
  double mean_nll = 0;       // nats a token
  double standard_error = 0; // of mean_nll
  std::size_t tokens = 0;    // scored
  std::size_t windows = 0;
};

// Splits the tokens into windows of `context` that don't overlap (a last one of at least 2 tokens counts);
// every token of a window but its first is scored. With bos >= 0 each window is preceded by it and all its
// tokens are scored.
PerplexityResult perplexity(LanguageModel& model, std::span<const int> tokens, std::size_t context, int bos,
                            const JobControl& control);

struct DivergenceResult {
  double mean_kl = 0;        // KL(reference || model), nats a token
  double standard_error = 0; // of mean_kl
  double top1_agreement = 0; // share of positions where both rank the same token first
  PerplexityResult model, reference;
};

DivergenceResult divergence(LanguageModel& model, LanguageModel& reference, std::span<const int> tokens,
                            std::size_t context, int bos, const JobControl& control);

// KL(p || q) in nats of the distributions given by two rows of logits of equal length.
double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits);

} // namespace intarsia

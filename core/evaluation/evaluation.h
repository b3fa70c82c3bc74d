// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How good a model is on a text, and how far it is from another.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/backend.h"
#include "core/text/tokenizer.h"

namespace intarsia {

// A text as a model is measured on it, the same way everywhere: cut into documents, each into windows, and
// before each window what the tokenizer itself puts before a text.
struct EvaluationText {
  std::vector<int> tokens;
  std::vector<std::size_t> documents{0}; // where each begins among the tokens; the first at 0
  int bos = -1;                          // put before every window that does not begin with it; -1: nothing
};

// The token that the tokenizer puts before a text by itself; -1 where it puts none or several.
int begin_token(const Tokenizer& tokenizer);
// It alone; nothing where there is none, or no tokenizer.
std::vector<int> begin_tokens(const Tokenizer* tokenizer);

// Documents begin where the text has the tokenizer's begin token; in a text without any, behind its end
// tokens; in a text without these either, behind lines "<|endoftext|>", which are left out.
EvaluationText evaluation_text(const Tokenizer& tokenizer, const std::string& text);
// "each window begins with <s>" or "nothing is put before a window", and the number of documents.
std::string description(const EvaluationText& text, const Tokenizer& tokenizer);

struct EvaluationOptions {
  std::size_t context = 512;  // tokens of a window
  std::size_t max_tokens = 0; // measure on so many at most: whole windows, spread evenly; 0: on all
};
constexpr std::size_t quick_tokens = 8192; // of a quick evaluation

struct PerplexityResult {
  double perplexity = 0;     // exp of the mean negative log-likelihood
  double mean_nll = 0;       // nats per token
  double standard_error = 0; // of mean_nll; tokens of a window are taken as one observation
  std::size_t tokens = 0;    // scored
  std::size_t windows = 0;
};

// A document is split into windows of `context` that don't overlap; one of a single token is left out. Every
// token of a window but its first is scored: with a begin token before it, all of the text's.
PerplexityResult perplexity(LanguageModel& model, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control);

struct DivergenceResult {
  double mean_kl = 0;        // KL(reference || model), nats per token
  double standard_error = 0; // of mean_kl
  double top1_agreement = 0; // share of positions where both rank the same token first
  PerplexityResult model, reference;
};

DivergenceResult divergence(LanguageModel& model, LanguageModel& reference, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control);

// KL(p || q) in nats of the distributions given by two rows of logits of equal length.
double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits);

} // namespace intarsia

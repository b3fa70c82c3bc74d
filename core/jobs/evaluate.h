// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Perplexity and divergence of models in this process or in a worker. A model in a worker is evaluated there,
// so that logits are not transferred.
#pragma once

#include "core/evaluation/evaluation.h"

namespace intarsia {

// As perplexity() and divergence() (core/evaluation/evaluation.h), units and errors included.
PerplexityResult evaluate_perplexity(LanguageModel& model, const EvaluationText& text,
                                     const EvaluationOptions& options, const JobControl& control);
DivergenceResult evaluate_divergence(LanguageModel& model, LanguageModel& reference,
                                     const EvaluationText& text, const EvaluationOptions& options,
                                     const JobControl& control);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How good a model is on a text, computed where it is: a model in a worker is evaluated there, so that no
// logits travel.
#pragma once

#include "core/evaluation/evaluation.h"

namespace intarsia {

// perplexity() and divergence() of models anywhere.
PerplexityResult evaluate_perplexity(LanguageModel& model, const EvaluationText& text,
                                     const EvaluationOptions& options, const JobControl& control);
DivergenceResult evaluate_divergence(LanguageModel& model, LanguageModel& reference,
                                     const EvaluationText& text, const EvaluationOptions& options,
                                     const JobControl& control);

} // namespace intarsia

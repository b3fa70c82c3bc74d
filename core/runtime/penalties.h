// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What changes logits before a token is drawn, by what was said so far. Ids outside of `logits` are ignored.
#pragma once

#include <span>
#include <vector>

#include "core/runtime/sampler.h"

namespace intarsia {

// CTRL (Keskar et al. 2019), section 4.1: logits of tokens in `history` are divided by the penalty where they
// are positive, else multiplied.
void penalise_repetition(std::span<double> logits, std::span<const int> history, double penalty);

// OpenAI's: logit -= count x frequency + (count > 0) x presence, with the counts of `generated`.
void penalise_counts(std::span<double> logits, std::span<const int> generated, double presence,
                     double frequency);

// DRY over `history`; `breaks` by token id, empty: no token breaks a sequence.
void penalise_repeated_sequences(std::span<double> logits, std::span<const int> history,
                                 const DrySettings& dry, const std::vector<bool>& breaks);

} // namespace intarsia

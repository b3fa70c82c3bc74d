// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Penalties on the logits of tokens that occurred before, applied in place. `logits`: [vocabulary], indexed
// by token id; ids outside of it are ignored.
#pragma once

#include <span>
#include <vector>

#include "core/runtime/sampler.h"

namespace intarsia {

// CTRL (Keskar et al. 2019), section 4.1: logits of tokens in `history` are divided by the penalty where they
// are positive, else multiplied.
void penalise_repetition(std::span<double> logits, std::span<const int> history, double penalty);

// OpenAI's presence and frequency penalty: logit -= count x frequency + (count > 0) x presence, with the
// counts of tokens in `generated`.
void penalise_counts(std::span<double> logits, std::span<const int> generated, double presence,
                     double frequency);

// DRY over `history` (DrySettings). `breaks`: by token id, whether it ends a repetition; empty: none does.
void penalise_repeated_sequences(std::span<double> logits, std::span<const int> history,
                                 const DrySettings& dry, const std::vector<bool>& breaks);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Scaling and soft-capping of the head's output, which some model families have.
#pragma once

#include <span>

#include "core/model/model_config.h"

namespace intarsia {

// logit = cap * tanh(multiplier * output / cap), in place; without a cap multiplier * output
// (ModelConfig::logit_multiplier, logit_softcap). Any number of values.
void scale_logits(const ModelConfig& config, std::span<float> outputs);
// gradient: of the loss by the logits; replaced by that by the head's output. `logits`: the result of
// scale_logits().
void scale_logits_backward(const ModelConfig& config, std::span<const float> logits,
                           std::span<float> gradient);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What some families do to the head's output before it is taken for logits.
#pragma once

#include <span>

#include "core/model/model_config.h"

namespace intarsia {

// logit = cap * tanh(multiplier * output / cap), in place; the cap only where the model has one.
void scale_logits(const ModelConfig& config, std::span<float> outputs);
// gradient: by the logits; becomes that by the head's output. `logits`: what scale_logits() gave.
void scale_logits_backward(const ModelConfig& config, std::span<const float> logits,
                           std::span<float> gradient);

} // namespace intarsia

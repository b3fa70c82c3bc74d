// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which experts of a mixture compute for which tokens (arXiv 2401.04088, section 2.1): the likeliest few by
// the softmax of the router's logits.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

struct ExpertUse {
  std::size_t token;
  float weight; // of the expert's output for this token
};

// logits: [tokens, experts]. For every expert its tokens, in their order.
std::vector<std::vector<ExpertUse>> route(const ModelConfig& config, std::span<const float> logits);

// The gradient by the logits, added to d_logits [tokens, experts], of weights that route() gave. d_weights:
// [tokens, experts], read where an expert is used.
void route_backward(const ModelConfig& config, std::span<const float> logits,
                    const std::vector<std::vector<ExpertUse>>& uses, std::span<const float> d_weights,
                    std::span<float> d_logits);

} // namespace intarsia

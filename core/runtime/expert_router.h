// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Routing in a mixture of experts (arXiv 2401.04088, section 2.1): each token is computed by the
// ModelConfig::experts_used experts whose softmax weight, by the router's logits, is largest.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

struct ExpertUse {
  std::size_t token; // index in the batch
  float weight;      // that the expert's output is multiplied by
};

// logits: [tokens, experts]. Returns for each expert its tokens in ascending order.
std::vector<std::vector<ExpertUse>> route(const ModelConfig& config, std::span<const float> logits);

// Backward of route(): adds the gradient of the loss by the logits to d_logits, [tokens, experts]. `uses`:
// the result of route(); d_weights: the gradient by ExpertUse::weight, [tokens, experts], read only where an
// expert is used.
void route_backward(const ModelConfig& config, std::span<const float> logits,
                    const std::vector<std::vector<ExpertUse>>& uses, std::span<const float> d_weights,
                    std::span<float> d_logits);

} // namespace intarsia

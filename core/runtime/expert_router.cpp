// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/expert_router.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace intarsia {
namespace {

std::vector<float> softmax_of(std::span<const float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<float> weights(logits.size());
  float sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) sum += weights[i] = std::exp(logits[i] - largest);
  for (float& weight : weights) weight /= sum;
  return weights;
}

} // namespace

std::vector<std::vector<ExpertUse>> route(const ModelConfig& config, std::span<const float> logits) {
  const std::size_t experts = config.experts, used = config.experts_used;
  std::vector<std::vector<ExpertUse>> uses(experts);
  std::vector<std::size_t> order(experts);
  for (std::size_t token = 0; token < logits.size() / experts; ++token) {
    const auto weights = softmax_of(logits.subspan(token * experts, experts));
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(used), order.end(),
                      [&](std::size_t a, std::size_t b) {
                        return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
                      });
    float sum = 0;
    for (std::size_t i = 0; i < used; ++i) sum += weights[order[i]];
    const float scale = config.normalise_expert_weights ? 1 / sum : 1;
    for (std::size_t i = 0; i < used; ++i) uses[order[i]].push_back({token, scale * weights[order[i]]});
  }
  return uses;
}

// With p the softmax over the experts that count (all, or those used where their weights add up to 1):
// d_logit = p (d_weight - sum p d_weight).
void route_backward(const ModelConfig& config, std::span<const float> logits,
                    const std::vector<std::vector<ExpertUse>>& uses, std::span<const float> d_weights,
                    std::span<float> d_logits) {
  const std::size_t experts = config.experts, tokens = logits.size() / experts;
  std::vector<float> mean(tokens);
  for (std::size_t expert = 0; expert < experts; ++expert)
    for (const ExpertUse& use : uses[expert])
      mean[use.token] += use.weight * d_weights[use.token * experts + expert];
  for (std::size_t expert = 0; expert < experts; ++expert)
    for (const ExpertUse& use : uses[expert]) {
      const std::size_t at = use.token * experts + expert;
      d_logits[at] += use.weight * (d_weights[at] - (config.normalise_expert_weights ? mean[use.token] : 0));
    }
  if (config.normalise_expert_weights) return;
  for (std::size_t token = 0; token < tokens; ++token) {
    const auto p = softmax_of(logits.subspan(token * experts, experts));
    for (std::size_t expert = 0; expert < experts; ++expert)
      d_logits[token * experts + expert] -= p[expert] * mean[token];
  }
}

} // namespace intarsia

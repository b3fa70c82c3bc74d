// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/provisional_sensitivity.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace intarsia {
namespace {

// Decimal logarithms: of the models' level, and above it of each role at the knots of depth.
#include "core/sensitivity/provisional_sensitivity.inc"

std::size_t profile_of(LinearRole role) {
  switch (role) {
  case LinearRole::q:
    return 0;
  case LinearRole::k:
    return 1;
  case LinearRole::v:
    return 2;
  case LinearRole::o:
    return 3;
  case LinearRole::gate:
    return 4;
  case LinearRole::up:
    return 5;
  default:
    return 6; // down
  }
}

// Of a mixture of experts, one expert's in the MLP that they make together. A token sees E_used of E experts,
// their outputs are nearly orthogonal, and weights that add up to 1 give each 1 / E_used of the MLP's mean
// square: an expert has 1 / E of what a plain MLP in its place would have.
bool in_expert(const ModelConfig& config, const LinearLayer& layer) {
  const bool in_mlp =
      layer.role == LinearRole::gate || layer.role == LinearRole::up || layer.role == LinearRole::down;
  return in_mlp && config.has_experts(layer.block);
}

// Linear between knots.
double at_depth(const std::array<double, knots.size()>& profile, double depth) {
  const auto above = std::upper_bound(knots.begin(), knots.end(), depth) - knots.begin();
  const std::size_t k = std::min(std::size_t(std::max<std::ptrdiff_t>(above, 1)) - 1, knots.size() - 2);
  return std::lerp(profile[k], profile[k + 1], (depth - knots[k]) / (knots[k + 1] - knots[k]));
}

} // namespace

Sensitivity provisional_sensitivity(const ModelConfig& config, const LayerGraph& graph) {
  Sensitivity sensitivity;
  sensitivity.model = config.name;
  sensitivity.method = provisional_method;
  const double last = double(std::max<std::size_t>(config.blocks, 2) - 1);
  for (const LinearLayer& layer : graph.linears) {
    const double dense =
        std::pow(10, level + at_depth(profiles[profile_of(layer.role)], double(layer.block) / last));
    sensitivity.layers[layer.name] = in_expert(config, layer) ? dense / double(config.experts) : dense;
  }
  if (!graph.head) sensitivity.layers[graph.embedding.name] = std::pow(10, level + tied_embedding);
  return sensitivity;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Activation functions of the MLP and their derivatives: SiLU (arXiv 1702.03118), x / (1 + e^-x), and GELU in
// its tanh form (arXiv 1606.08415), x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). An MLP computes
// down(activation(gate(x)) * up(x)).
#pragma once

#include <cmath>

#include "core/model/model_config.h"

namespace intarsia {

struct ActivationValue {
  float value, slope; // f(x), f'(x)
};

inline float silu(float x) { return x / (1 + std::exp(-x)); }

inline float gelu_tanh(float x) {
  constexpr float root = 0.7978845608f, cubic = 0.044715f; // root: sqrt(2 / pi)
  return 0.5f * x * (1 + std::tanh(root * (x + cubic * x * x * x)));
}

inline float activate(Activation activation, float x) {
  return activation == Activation::silu ? silu(x) : gelu_tanh(x);
}

inline ActivationValue activate_with_slope(Activation activation, float x) {
  if (activation == Activation::silu) {
    const float s = 1 / (1 + std::exp(-x));
    return {x * s, s * (1 + x * (1 - s))};
  }
  constexpr float root = 0.7978845608f, cubic = 0.044715f;
  const float t = std::tanh(root * (x + cubic * x * x * x));
  return {0.5f * x * (1 + t), 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * root * (1 + 3 * cubic * x * x)};
}

// cap * tanh(x / cap) (Gemma 2, arXiv 2408.00118), and its derivative by x, computed from the capped value.
inline float softcap(float x, float cap) { return cap * std::tanh(x / cap); }
inline float softcap_slope(float capped, float cap) { return 1 - (capped / cap) * (capped / cap); }

} // namespace intarsia

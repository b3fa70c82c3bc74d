// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace intarsia {
namespace {

// transformers, modeling_rope_utils.py, _compute_llama3_parameters: long waves are slowed down by `factor`,
// short ones kept, those between blended.
double scale_llama3(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double low = double(scaling.original_positions) / scaling.low_frequency_factor;
  const double high = double(scaling.original_positions) / scaling.high_frequency_factor;
  if (wavelength < high) return frequency;
  if (wavelength > low) return frequency / scaling.factor;
  const double smooth = (double(scaling.original_positions) / wavelength - scaling.low_frequency_factor) /
                        (scaling.high_frequency_factor - scaling.low_frequency_factor);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

// Pair i of YaRN's (arXiv 2309.00071): fast ones are kept, slow ones divided by the factor, those between
// blended. A pair turns beta times within the original context at dimension n ln(L / 2 pi beta) / 2 ln(base).
double scale_yarn(double frequency, std::size_t i, std::size_t rotated, double base,
                  const RopeScaling& scaling) {
  const auto pair_of = [&](double turns) {
    return double(rotated) * std::log(double(scaling.original_positions) / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  };
  double first = pair_of(scaling.beta_fast), last = pair_of(scaling.beta_slow);
  if (scaling.whole_dimensions) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, double(rotated) - 1);
  if (first == last) last += 0.001;
  const double slow = std::clamp((double(i) - first) / (last - first), 0.0, 1.0);
  return frequency * (1 - slow) + frequency / scaling.factor * slow;
}

// Dynamic NTK scaling: the base grows with the context beyond the original one (transformers,
// _compute_dynamic_ntk_parameters).
double dynamic_base(double base, std::size_t rotated, std::size_t context, const RopeScaling& scaling) {
  if (context <= scaling.original_positions || rotated <= 2) return base;
  const double stretch =
      scaling.factor * double(context) / double(scaling.original_positions) - (scaling.factor - 1);
  return base * std::pow(stretch, double(rotated) / double(rotated - 2));
}

std::vector<float> frequencies_of(const ModelConfig& config, std::size_t context) {
  const RopeScaling& scaling = config.rope_scaling;
  const std::size_t rotated = config.rotated();
  double base = config.rope_theta;
  if (scaling.kind == RopeScalingKind::dynamic) base = dynamic_base(base, rotated, context, scaling);
  const auto& divisors = context > scaling.original_positions ? scaling.long_factors : scaling.short_factors;
  std::vector<float> frequencies(rotated / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = std::pow(base, -2.0 * double(i) / double(rotated));
    if (scaling.kind == RopeScalingKind::linear) frequency /= scaling.factor;
    if (scaling.kind == RopeScalingKind::llama3) frequency = scale_llama3(frequency, scaling);
    if (scaling.kind == RopeScalingKind::yarn) frequency = scale_yarn(frequency, i, rotated, base, scaling);
    if (scaling.kind == RopeScalingKind::longrope) frequency /= double(divisors[i]);
    if (!config.rope_divisors.empty()) frequency /= double(config.rope_divisors[i]);
    frequencies[i] = float(frequency);
  }
  return frequencies;
}

} // namespace

Rope::Rope(std::size_t head_dim, std::vector<float> frequencies)
    : head_dim_(head_dim)
    , frequencies_(std::move(frequencies)) {}

Rope::Rope(const ModelConfig& config, std::size_t context)
    : Rope(config.head_dim, frequencies_of(config, context)) {
  magnitude_ = float(config.rope_scaling.magnitude);
}

Rope Rope::local(const ModelConfig& config) {
  ModelConfig plain = config;
  plain.rope_theta = config.local_rope_theta;
  plain.rope_scaling = {};
  plain.rope_divisors.clear();
  return Rope(plain);
}

void Rope::apply(std::span<float> heads, std::size_t position) const { rotate(heads, position, 1); }

void Rope::apply_transposed(std::span<float> heads, std::size_t position) const {
  rotate(heads, position, -1);
}

void Rope::rotate(std::span<float> heads, std::size_t position, float direction) const {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const float angle = float(position) * frequencies_[i]; // in f32, as the models were trained
    const float cosine = magnitude_ * std::cos(angle), sine = direction * magnitude_ * std::sin(angle);
    for (std::size_t start = 0; start < heads.size(); start += head_dim_) {
      const float a = heads[start + i], b = heads[start + i + half];
      heads[start + i] = a * cosine - b * sine;
      heads[start + i + half] = b * cosine + a * sine;
    }
  }
}

} // namespace intarsia

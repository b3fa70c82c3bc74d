// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/rope.h"

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

} // namespace

Rope::Rope(const ModelConfig& config)
    : head_dim_(config.head_dim)
    , frequencies_(config.head_dim / 2) {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    double frequency = std::pow(config.rope_theta, -2.0 * double(i) / double(head_dim_));
    if (config.rope_scaling.kind == RopeScalingKind::linear) frequency /= config.rope_scaling.factor;
    if (config.rope_scaling.kind == RopeScalingKind::llama3)
      frequency = scale_llama3(frequency, config.rope_scaling);
    if (!config.rope_divisors.empty()) frequency /= double(config.rope_divisors[i]);
    frequencies_[i] = float(frequency);
  }
}

void Rope::apply(std::span<float> heads, std::size_t position) const { turn(heads, position, 1); }

void Rope::apply_inverse(std::span<float> heads, std::size_t position) const { turn(heads, position, -1); }

void Rope::turn(std::span<float> heads, std::size_t position, float direction) const {
  const std::size_t half = head_dim_ / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const float angle = float(position) * frequencies_[i]; // in f32, as the models were trained
    const float cosine = std::cos(angle), sine = direction * std::sin(angle);
    for (std::size_t start = 0; start < heads.size(); start += head_dim_) {
      const float a = heads[start + i], b = heads[start + i + half];
      heads[start + i] = a * cosine - b * sine;
      heads[start + i + half] = b * cosine + a * sine;
    }
  }
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/rms_norm.h"

#include <cmath>

namespace intarsia {
namespace {

double inverse_rms(std::span<const float> x, float epsilon) {
  double sum = 0;
  for (const float value : x) sum += double(value) * value;
  return 1 / std::sqrt(sum / double(x.size()) + double(epsilon));
}

} // namespace

void rms_norm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> y) {
  for (std::size_t start = 0; start < x.size(); start += gain.size()) {
    const float scale = float(inverse_rms(x.subspan(start, gain.size()), epsilon));
    for (std::size_t i = 0; i < gain.size(); ++i) y[start + i] = x[start + i] * scale * gain[i];
  }
}

void rms_norm_backward(std::span<const float> x, std::span<const float> gain, float epsilon,
                       std::span<const float> dy, std::span<float> dx) {
  const std::size_t width = gain.size();
  for (std::size_t start = 0; start < x.size(); start += width) {
    const double scale = inverse_rms(x.subspan(start, width), epsilon);
    double along = 0;
    for (std::size_t i = 0; i < width; ++i)
      along += double(dy[start + i]) * double(gain[i]) * double(x[start + i]);
    const double pull = along * scale * scale * scale / double(width);
    for (std::size_t i = 0; i < width; ++i)
      dx[start + i] += float(scale * double(gain[i]) * double(dy[start + i]) - pull * double(x[start + i]));
  }
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/row_fit.h"

#include <algorithm>

#include "core/base/half.h"

namespace intarsia {

std::uint16_t stored_scale(float scale) {
  if (scale == 0) return 0;
  return float_to_half(std::clamp(scale, min_normal_half, max_half));
}

std::vector<double> refine_scales(std::span<const RowFit> fits, std::vector<std::uint16_t>& scales) {
  std::vector<double> ratios(fits.size());
  for (std::size_t row = 0; row < fits.size(); ++row) {
    const double scale = half_to_float(scales[row]);
    if (fits[row].qq > 0 && fits[row].wq > 0)
      scales[row] = stored_scale(float(scale * fits[row].wq / fits[row].qq));
    ratios[row] = scale == 0 ? 0 : half_to_float(scales[row]) / scale;
  }
  return ratios;
}

double relative_error(std::span<const RowFit> fits, std::span<const double> ratios,
                      std::span<const std::uint16_t> scales) {
  double error = 0, energy = 0;
  for (std::size_t row = 0; row < fits.size(); ++row) {
    const RowFit& fit = fits[row];
    if (ratios[row] == 0) continue;
    const double scale = half_to_float(scales[row]) / ratios[row];
    error += scale * scale * (fit.ww - 2 * ratios[row] * fit.wq + ratios[row] * ratios[row] * fit.qq);
    energy += scale * scale * fit.ww;
  }
  return energy > 0 ? std::max(error, 0.0) / energy : 0;
}

} // namespace intarsia

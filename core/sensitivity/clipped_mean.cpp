// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/clipped_mean.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace intarsia {

constexpr double max_medians = 4;

Estimate clipped_mean(std::span<const double> values) {
  std::vector<double> clipped(values.begin(), values.end());
  if (clipped.empty()) return {};
  for (const double value : clipped) // has no place in an order
    if (std::isnan(value)) return {value, value};
  const auto middle = clipped.begin() + std::ptrdiff_t(clipped.size() / 2);
  std::nth_element(clipped.begin(), middle, clipped.end());
  const double most = max_medians * *middle, count = double(clipped.size());
  Estimate estimate;
  // A few rare losses beside a median of nothing are all there is to go by.
  if (most > 0)
    for (double& value : clipped) value = std::min(value, most);
  for (const double value : clipped) estimate.mean += value / count;
  double squares = 0;
  for (const double value : clipped) squares += (value - estimate.mean) * (value - estimate.mean);
  if (count > 1) estimate.standard_error = std::sqrt(squares / (count * (count - 1)));
  return estimate;
}

} // namespace intarsia

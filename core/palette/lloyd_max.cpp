// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/lloyd_max.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace intarsia {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double density(double x) {
  return std::isinf(x) ? 0 : std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
}

// P(a < x < b), from the tail on the same side so that nothing cancels.
double probability(double a, double b) {
  const auto tail = [](double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); };
  return a >= 0 ? tail(a) - tail(b) : b <= 0 ? tail(-b) - tail(-a) : 1 - tail(-a) - tail(b);
}

double inverse_normal(double p) {
  double low = -12, high = 12;
  for (int step = 0; step < 80; ++step) {
    const double middle = (low + high) / 2;
    (probability(-infinity, middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::vector<double> half_way(const std::vector<double>& levels) {
  std::vector<double> thresholds;
  for (std::size_t i = 1; i < levels.size(); ++i) thresholds.push_back((levels[i - 1] + levels[i]) / 2);
  return thresholds;
}

// One Newton step on F_i(y) = y_i - E[x | cell i]; the Jacobian is tridiagonal. Returns the largest change.
double newton_step(std::vector<double>& y) {
  const std::size_t n = y.size();
  const auto t = half_way(y);
  std::vector<double> lower(n), diagonal(n), upper(n), residual(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double a = i == 0 ? -infinity : t[i - 1], b = i + 1 == n ? infinity : t[i];
    const double mass = probability(a, b), mean = (density(a) - density(b)) / mass;
    const double by_a = i == 0 ? 0 : density(a) * (mean - a) / mass;     // d mean / d a
    const double by_b = i + 1 == n ? 0 : density(b) * (b - mean) / mass; // d mean / d b
    lower[i] = -by_a / 2;
    upper[i] = -by_b / 2;
    diagonal[i] = 1 - (by_a + by_b) / 2;
    residual[i] = y[i] - mean;
  }
  for (std::size_t i = 1; i < n; ++i) { // Thomas' algorithm
    const double factor = lower[i] / diagonal[i - 1];
    diagonal[i] -= factor * upper[i - 1];
    residual[i] -= factor * residual[i - 1];
  }
  double largest = 0, next = 0;
  for (std::size_t i = n; i-- > 0;) {
    next = (residual[i] - (i + 1 < n ? upper[i] * next : 0)) / diagonal[i];
    y[i] -= next;
    largest = std::max(largest, std::abs(next));
  }
  return largest;
}

} // namespace

LloydMax solve_lloyd_max(std::size_t levels) {
  LloydMax result;
  // Panter and Dite: at high rate the density of levels goes with the cube root of the source's, N(0, 3).
  for (std::size_t i = 0; i < levels; ++i)
    result.levels.push_back(std::sqrt(3.0) * inverse_normal((double(i) + 0.5) / double(levels)));
  for (int step = 0; step < 60 && newton_step(result.levels) > 1e-13; ++step) {
  }
  result.thresholds = half_way(result.levels);
  double energy = 0;
  for (std::size_t i = 0; i < levels; ++i) {
    const double a = i == 0 ? -infinity : result.thresholds[i - 1];
    const double b = i + 1 == levels ? infinity : result.thresholds[i];
    energy += probability(a, b) * result.levels[i] * result.levels[i];
  }
  result.distortion = 1 - energy; // E[(x - q)^2] = E[x^2] - E[q^2] when every level is its cell's mean
  return result;
}

} // namespace intarsia

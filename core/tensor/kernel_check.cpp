// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/tensor/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/base/half.h"
#include "core/base/random.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

std::vector<float> gaussian(Random& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = random.normal();
  return values;
}

std::vector<std::uint16_t> halves(Random& random, std::size_t count) {
  std::vector<std::uint16_t> values(count);
  for (auto& value : values) value = float_to_half(random.normal());
  return values;
}

double error_of(double got, double expected, double scale) {
  const double error = std::abs(got - expected) / scale;
  return std::isfinite(error) ? error : INFINITY;
}

double multiply(Random& random) {
  const std::size_t n = 1 + random.below(600), rows = 1 + random.below(40), tokens = 1 + random.below(40);
  const auto w = gaussian(random, rows * n), x = gaussian(random, tokens * n);
  std::vector<float> y(tokens * rows, NAN);
  kernels::multiply_rows({w.data(), n, rows}, {x.data(), n, tokens}, n, y.data(), rows);
  double worst = 0;
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += double(w[r * n + i]) * double(x[t * n + i]);
      worst = std::max(worst, error_of(double(y[t * rows + r]), sum, std::sqrt(double(n))));
    }
  return worst;
}

template <bool half>
double dot(Random& random) {
  const std::size_t n = 1 + random.below(3000);
  const auto b = gaussian(random, n), a = gaussian(random, n);
  const auto h = halves(random, n);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += double(half ? half_to_float(h[i]) : a[i]) * double(b[i]);
  const float got = half ? kernels::dot_half(h.data(), b.data(), n) : kernels::dot(a.data(), b.data(), n);
  return error_of(double(got), sum, std::sqrt(double(n)));
}

template <bool half>
double add_scaled(Random& random) {
  const std::size_t n = 1 + random.below(3000);
  const auto x = gaussian(random, n), before = gaussian(random, n);
  const auto h = halves(random, n);
  auto y = before;
  if (half)
    kernels::add_scaled_half(0.7f, h.data(), y.data(), n);
  else
    kernels::add_scaled(0.7f, x.data(), y.data(), n);
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double added = double(0.7f) * double(half ? half_to_float(h[i]) : x[i]);
    worst = std::max(worst, error_of(double(y[i]), double(before[i]) + added, 1));
  }
  return worst;
}

double widen(Random& random) {
  const auto h = halves(random, 1 + random.below(3000));
  std::vector<float> out(h.size(), NAN);
  kernels::half_to_float(h.data(), out.data(), h.size());
  double worst = 0;
  for (std::size_t i = 0; i < h.size(); ++i)
    worst = std::max(worst, error_of(double(out[i]), double(half_to_float(h[i])), 1));
  return worst;
}

} // namespace

std::vector<KernelCheck> check_cpu_kernels(std::uint64_t seed, int cases) {
  struct Kernel {
    const char* name;
    double tolerance;
    double (*run)(Random&);
  };
  const Kernel all[] = {{"multiply_rows", 1e-5, multiply},
                        {"dot", 1e-5, dot<false>},
                        {"dot_half", 1e-5, dot<true>},
                        {"add_scaled", 1e-5, add_scaled<false>},
                        {"add_scaled_half", 1e-5, add_scaled<true>},
                        {"half_to_float", 0, widen}};
  std::vector<KernelCheck> checks;
  for (const Kernel& kernel : all) {
    Random random(seed_for(seed, kernel.name));
    KernelCheck check{kernel.name, cases, 0, kernel.tolerance, {}};
    for (int i = 0; i < cases; ++i) check.worst = std::max(check.worst, kernel.run(random));
    checks.push_back(check);
  }
  return checks;
}

} // namespace intarsia

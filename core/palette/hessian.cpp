// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/hessian.h"

#include <Eigen/Cholesky>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace intarsia {
namespace {

constexpr double min_damping = 0.01,
                 max_damping = 100; // of the mean of the diagonal; GPTQ's and QuIP#'s 1 %

void transpose(std::vector<float>& square, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) std::swap(square[i * n + j], square[j * n + i]);
}

// R M R^T of a symmetric M: the rows of M and then those of its transpose.
void rotate_both_sides(std::vector<float>& moment, const Rotation& rotation) {
  rotation.apply_rows(moment);
  transpose(moment, rotation.dimension());
  rotation.apply_rows(moment);
}

double mean_of_diagonal(std::span<const float> square, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += square[i * n + i];
  return sum / double(n);
}

// T / (T - p); where tokens are fewer than columns, damping keeps it from growing without end.
double overfit(std::size_t tokens, std::size_t explaining) {
  if (tokens == 0) return 1;
  return double(tokens) / std::max(double(tokens) - double(explaining), double(tokens) / 4);
}

} // namespace

HessianFactor::HessianFactor(std::vector<float> moment, const Rotation& rotation)
    : dimension_(rotation.dimension())
    , columns_(moment.size()) {
  rotate_both_sides(moment, rotation);
  const double mean = mean_of_diagonal(moment, dimension_);
  if (!std::isfinite(mean)) throw input_error("the calibration text makes the model compute NaN or infinity");
  for (std::size_t i = 0; mean <= 0 && i < dimension_; ++i)
    moment[i * dimension_ + i] = 1; // nothing ever came in
  double damping = min_damping;
  while (!factor(moment, damping))
    if ((damping *= 10) > max_damping)
      throw input_error("the calibration text's activations have no positive definite covariance");
}

double HessianFactor::feedback_factor(std::size_t block_columns, SampleSizes sizes) const {
  double all = 0, within = 0;
  for (std::size_t j = 0; j < dimension_; ++j) {
    const std::size_t block_end = std::min(dimension_, (j / block_columns + 1) * block_columns);
    const std::size_t explaining = dimension_ - block_end;
    const double more = overfit(sizes.moments, explaining) * overfit(sizes.calibration, explaining);
    for (std::size_t i = 0; i <= j; ++i) {
      const double square = double(column(j)[i]) * column(j)[i];
      all += square;
      if (i >= j / block_columns * block_columns) within += more * square;
    }
  }
  return all > 0 ? std::min(1.0, within / all) : 1;
}

// Cholesky of the matrix with its order reversed gives the upper factor: J H J = C C^T, U = J C J.
bool HessianFactor::factor(std::vector<float>& moment, double damping) {
  const std::size_t n = dimension_;
  const auto added = float(damping * std::max(mean_of_diagonal(moment, n), 1e-30));
  parallel_ranges(n, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t j = 0; j < n; ++j)
        columns_[i * n + j] = moment[(n - 1 - i) * n + (n - 1 - j)] + (i == j ? added : 0.f);
  });
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<Matrix> reversed(columns_.data(), Eigen::Index(n), Eigen::Index(n)); // symmetric: either order
  const Eigen::LLT<Eigen::Ref<Matrix>> cholesky(reversed); // C in the lower triangle, column by column
  if (cholesky.info() != Eigen::Success) return false;
  // Column n-1-j of C, read backwards, is column j of U: reverse the whole, then clear what is not U.
  std::reverse(columns_.begin(), columns_.end());
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j + 1; i < n; ++i) columns_[j * n + i] = 0;
  return true;
}

} // namespace intarsia

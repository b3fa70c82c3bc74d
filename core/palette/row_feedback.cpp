// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/row_feedback.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr double damping = 0.1;

double square_sum(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double(value) * value;
  return sum;
}

// |v U|^2 over all rows v.
double norm(std::span<const float> rows, const HessianFactor& hessian) {
  const std::size_t columns = hessian.dimension(), count = rows.size() / columns;
  std::vector<double> sums(count);
  parallel_for(count, [&](std::size_t row) {
    for (std::size_t j = 0; j < columns; ++j)
      sums[row] += std::pow(double(kernels::dot(&rows[row * columns], hessian.column(j), j + 1)), 2);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// One strip of each group after the other.
class StripEncoder {
 public:
  StripEncoder(const LinearSource& source, const RowFactor& rows, const EncodeLinear& encode)
      : source_(source)
      , rows_(rows)
      , encode_(encode)
      , coder_(quantizer(source.quantizer))
      , weights_(source.shape.size())
      , errors_(source.shape.size())
      , part_{panels_of(rows.groups()) * panel_rows, source.shape.columns} {
    source.rows(0, source.shape.rows, weights_);
    result_ = {source.quantizer,
               source.shape,
               std::vector<std::byte>(coder_.code_bytes(source.shape)),
               std::vector<std::uint16_t>(source.shape.rows),
               source.rotation,
               0,
               {}};
  }

  void code(std::size_t strip, const JobControl& control) {
    std::vector<float> targets(part_.size());
    parallel_for(rows_.groups(), [&](std::size_t group) { set_targets(group, strip, targets); });
    const auto rows = [&](std::size_t first, std::size_t count, std::span<float> to) {
      std::ranges::copy(std::span(targets).subspan(first * part_.columns, count * part_.columns), to.begin());
    };
    const QuantizedLinear part =
        encode_({source_.quantizer, part_, source_.rotation, source_.name, rows, source_.hessian}, control);
    const std::vector<float> decoded = dequantize_linear(part);
    for (std::size_t group = 0; group < rows_.groups(); ++group) take(part, decoded, group, strip);
  }

  QuantizedLinear finish() {
    result_.distortion = ratio(square_sum(errors_), square_sum(weights_));
    if (source_.hessian) {
      source_.rotation->apply_rows(errors_);
      source_.rotation->apply_rows(weights_);
      result_.proxy_loss = ratio(norm(errors_, *source_.hessian), norm(weights_, *source_.hessian));
    }
    return std::move(result_);
  }

 private:
  static std::size_t panels_of(std::size_t strips) { return (strips + panel_strips - 1) / panel_strips; }
  static double ratio(double error, double energy) { return energy > 0 ? error / energy : 0; }

  std::size_t row(std::size_t group, std::size_t order) const { // of the layer
    return group * rows_.group_rows() + row_of_strip(order / strip_rows, order % strip_rows);
  }
  std::span<float> of(std::vector<float>& values, std::size_t row) const {
    return std::span(values).subspan(row * part_.columns, part_.columns);
  }

  // w - U_bb^-T sum_k U_kb^T E_k, by forward substitution.
  void set_targets(std::size_t group, std::size_t strip, std::vector<float>& targets) {
    const std::size_t first = strip * strip_rows;
    std::vector<float> shifts(strip_rows * part_.columns);
    for (std::size_t i = 0; i < strip_rows; ++i) {
      const auto shift = of(shifts, i);
      for (std::size_t done = 0; done < first; ++done)
        kernels::add_scaled(-rows_.at(group, done, first + i), of(errors_, row(group, done)).data(),
                            shift.data(), part_.columns);
      for (std::size_t before = 0; before < i; ++before)
        kernels::add_scaled(-rows_.at(group, first + before, first + i), of(shifts, before).data(),
                            shift.data(), part_.columns);
      const float diagonal = rows_.at(group, first + i, first + i);
      const auto weights = of(weights_, row(group, first + i));
      const auto target = of(targets, row_of_strip(group, i));
      for (std::size_t j = 0; j < part_.columns; ++j) {
        shift[j] /= diagonal;
        target[j] = weights[j] + shift[j];
      }
    }
  }

  // Group g's is strip g of what was coded together.
  void take(const QuantizedLinear& part, const std::vector<float>& decoded, std::size_t group,
            std::size_t strip) {
    coder_.copy_strip(part.codes, group, result_.codes, group * rows_.strips() + strip, part_.columns);
    for (std::size_t i = 0; i < strip_rows; ++i) {
      const std::size_t from = row_of_strip(group, i), to = row(group, strip * strip_rows + i);
      result_.row_scales[to] = part.row_scales[from];
      for (std::size_t j = 0; j < part_.columns; ++j)
        errors_[to * part_.columns + j] =
            decoded[from * part_.columns + j] - weights_[to * part_.columns + j];
    }
  }

  const LinearSource& source_;
  const RowFactor& rows_;
  const EncodeLinear& encode_;
  const Quantizer& coder_;
  std::vector<float> weights_, errors_; // of the layer, not rotated
  MatrixShape part_;                    // of what is coded together: a strip of each group, in whole panels
  QuantizedLinear result_;
};

} // namespace

RowFactor::RowFactor(std::span<const float> moments, std::size_t head_rows)
    : groups_(0)
    , group_rows_(std::lcm(head_rows, panel_rows)) {
  const std::size_t rows = moments.size() / head_rows;
  groups_ = rows / group_rows_;
  factor_.resize(rows * group_rows_);
  parallel_for(groups_, [&](std::size_t group) { factor_group(group, moments, head_rows); });
}

bool RowFactor::serves(std::size_t rows, std::size_t head_rows) {
  return rows % std::lcm(head_rows, panel_rows) == 0;
}

std::size_t RowFactor::strips() const { return group_rows_ / strip_rows; }

// Cholesky's from the last row on, so that U is upper. A head without gradients is left without feedback.
void RowFactor::factor_group(std::size_t group, std::span<const float> moments, std::size_t head_rows) {
  const std::size_t n = group_rows_;
  float* u = &factor_[group * n * n];
  const auto moment = [&](std::size_t a, std::size_t b) -> double {
    const std::size_t row = group * n + row_of_strip(a / strip_rows, a % strip_rows),
                      other = group * n + row_of_strip(b / strip_rows, b % strip_rows);
    const std::size_t head = row / head_rows;
    if (other / head_rows != head) return 0;
    return moments[row * head_rows + other % head_rows];
  };
  std::vector<double> added(n);
  for (std::size_t a = 0; a < n; ++a) {
    const std::size_t head = (group * n + row_of_strip(a / strip_rows, a % strip_rows)) / head_rows;
    double trace = 0;
    for (std::size_t i = 0; i < head_rows; ++i) trace += moments[(head * head_rows + i) * head_rows + i];
    added[a] = damping * trace / double(head_rows);
  }
  for (std::size_t j = n; j-- > 0;) {
    double rest = moment(j, j) + added[j];
    for (std::size_t k = j + 1; k < n; ++k) rest -= double(u[j * n + k]) * u[j * n + k];
    const bool empty = !(rest > 0);
    u[j * n + j] = empty ? 1 : float(std::sqrt(rest));
    for (std::size_t i = 0; i < j; ++i) {
      double product = moment(i, j);
      for (std::size_t k = j + 1; k < n; ++k) product -= double(u[i * n + k]) * u[j * n + k];
      u[i * n + j] = empty ? 0 : float(product / double(u[j * n + j]));
    }
  }
}

double RowFactor::feedback_factor() const {
  double left = 0, all = 0;
  for (std::size_t group = 0; group < groups_; ++group)
    for (std::size_t a = 0; a < group_rows_; ++a)
      for (std::size_t b = a; b < group_rows_; ++b) {
        const double square = double(at(group, a, b)) * at(group, a, b);
        all += square;
        if (a / strip_rows == b / strip_rows) left += square;
      }
  return all > 0 ? left / all : 1;
}

QuantizedLinear encode_by_strips(const LinearSource& source, const RowFactor& rows,
                                 const EncodeLinear& encode, const JobControl& control) {
  StripEncoder encoder(source, rows, encode);
  for (std::size_t strip = 0; strip < rows.strips(); ++strip) {
    control.throw_if_stopped();
    const JobControl part{[&](const Progress& progress) {
                            const double share = progress.total > 0 ? progress.done / progress.total : 0;
                            control.report(progress.stage, double(strip) + share, double(rows.strips()));
                          },
                          control.stop};
    encoder.code(strip, part);
  }
  return encoder.finish();
}

} // namespace intarsia

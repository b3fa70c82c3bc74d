// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/feedback.h"

#include <algorithm>
#include <mutex>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t min_rows_together = 16; // fewer would not pay for reading the factor

// Codes `count` rows from `first` on. With e = w - q and U from e H e^T = |e U|^2: block k of e U is f + e_k
// U_kk, f = sum over earlier blocks e_i U_ik. It is least when e_k = -f U_kk^-1, so block k's target is w_k +
// f U_kk^-1.
class RowGroup {
 public:
  RowGroup(const Quantizer& quantizer, std::span<const float> weights, MatrixShape shape,
           const HessianFactor& hessian, std::size_t first, std::size_t count, std::span<std::byte> codes)
      : weights_(weights.data() + first * shape.columns)
      , columns_(shape.columns)
      , rows_(count)
      , block_(quantizer.block_columns())
      , hessian_(hessian)
      , coder_(quantizer.code_rows(shape, first, count, codes))
      , errors_(count * shape.columns)
      , feedback_(count * block_)
      , plain_(count * block_)
      , targets_(count * block_)
      , decoded_(count * block_) {}

  void code(std::span<RowFit> fits) {
    for (std::size_t column = 0; column < columns_; column += block_)
      code_block(column, std::min(block_, columns_ - column), fits);
  }

 private:
  // y[r][j] = rows[r] times column `first` + j of U above row `depth`.
  void multiply(const float* rows, std::size_t first, std::size_t count, std::size_t depth,
                std::vector<float>& y) const {
    if (depth == 0) return std::fill(y.begin(), y.end(), 0.f);
    kernels::multiply_rows({hessian_.column(first), columns_, count}, {rows, columns_, rows_}, depth,
                           y.data(), count);
  }

  void code_block(std::size_t first, std::size_t count, std::span<RowFit> fits) {
    multiply(errors_.data(), first, count, first, feedback_);
    multiply(weights_, first, count, first + count, plain_); // w U
    for (std::size_t row = 0; row < rows_; ++row) set_target(row, first, count);
    coder_->code({targets_.data(), rows_ * count}, count, {decoded_.data(), rows_ * count});
    for (std::size_t row = 0; row < rows_; ++row) {
      for (std::size_t j = 0; j < count; ++j)
        errors_[row * columns_ + first + j] =
            weights_[row * columns_ + first + j] - decoded_[row * count + j];
      add_fit(row, first, count, fits[row]);
    }
  }

  // Forward substitution: y U_kk = f.
  void set_target(std::size_t row, std::size_t first, std::size_t count) {
    float y[64];
    for (std::size_t j = 0; j < count; ++j) {
      const float* column = hessian_.column(first + j) + first;
      float rest = feedback_[row * count + j];
      for (std::size_t i = 0; i < j; ++i) rest -= y[i] * column[i];
      y[j] = rest / column[j];
      targets_[row * count + j] = weights_[row * columns_ + first + j] + y[j];
    }
  }

  void add_fit(std::size_t row, std::size_t first, std::size_t count, RowFit& fit) const {
    for (std::size_t j = 0; j < count; ++j) {
      const float* column = hessian_.column(first + j) + first;
      double error = feedback_[row * count + j];
      for (std::size_t i = 0; i <= j; ++i) error += double(errors_[row * columns_ + first + i]) * column[i];
      const double w = plain_[row * count + j], q = w - error;
      fit.ww += w * w;
      fit.wq += w * q;
      fit.qq += q * q;
    }
  }

  const float* weights_;
  std::size_t columns_, rows_, block_;
  const HessianFactor& hessian_;
  std::unique_ptr<BlockCoder> coder_;
  std::vector<float> errors_;                               // [rows, columns]
  std::vector<float> feedback_, plain_, targets_, decoded_; // [rows, columns of the block]
};

} // namespace

std::vector<RowFit> encode_with_feedback(const Quantizer& quantizer, std::span<const float> weights,
                                         MatrixShape shape, const HessianFactor& hessian,
                                         std::span<std::byte> codes, const JobControl& control) {
  if (hessian.dimension() != shape.columns)
    throw Error(ErrorKind::internal, "a Hessian of another width was given");
  std::vector<RowFit> fits(shape.rows);
  std::mutex mutex;
  std::size_t done = 0;
  const std::size_t rows_together = std::max(min_rows_together, quantizer.row_granularity());
  parallel_for((shape.rows + rows_together - 1) / rows_together, [&](std::size_t group) {
    control.throw_if_stopped();
    const std::size_t first = group * rows_together, count = std::min(rows_together, shape.rows - first);
    RowGroup(quantizer, weights, shape, hessian, first, count, codes)
        .code(std::span(fits).subspan(first, count));
    const std::scoped_lock lock(mutex);
    done += count;
    control.report(to_string(quantizer.id()), double(done * shape.columns), double(shape.size()));
  });
  return fits;
}

} // namespace intarsia

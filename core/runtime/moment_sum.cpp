// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/moment_sum.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once = 512; // long enough that the products' ends don't cost
constexpr std::size_t rows_per_task = 16;

} // namespace

MomentSum::MomentSum(std::size_t dimension)
    : dimension_(dimension)
    , sum_(dimension * dimension)
    , pending_(dimension * tokens_at_once) {}

std::uint64_t MomentSum::bytes(std::size_t dimension) {
  return sizeof(float) * std::uint64_t(dimension) * (dimension + tokens_at_once);
}

void MomentSum::add(std::span<const float> x) {
  const std::size_t tokens = x.size() / dimension_;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < dimension_; ++i)
      pending_[i * tokens_at_once + count_] = x[t * dimension_ + i];
    if (++count_ == tokens_at_once) flush();
  }
}

std::vector<float> MomentSum::finish() {
  flush();
  for (std::size_t i = 0; i < dimension_; ++i)
    for (std::size_t j = 0; j < i; ++j) sum_[j * dimension_ + i] = sum_[i * dimension_ + j];
  pending_ = {};
  return std::move(sum_);
}

void MomentSum::flush() {
  if (count_ == 0) return;
  parallel_ranges((dimension_ + rows_per_task - 1) / rows_per_task, 1,
                  [&](std::size_t begin, std::size_t end) {
                    std::vector<float> product(dimension_ * rows_per_task);
                    for (std::size_t task = begin; task < end; ++task)
                      add_rows(task * rows_per_task, product);
                  });
  count_ = 0;
}

void MomentSum::add_rows(std::size_t first, std::vector<float>& product) {
  const std::size_t count = std::min(rows_per_task, dimension_ - first), width = first + count;
  kernels::multiply_rows({pending_.data(), tokens_at_once, width},
                         {pending_.data() + first * tokens_at_once, tokens_at_once, count}, count_,
                         product.data(), width);
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t j = 0; j < width; ++j) sum_[(first + row) * dimension_ + j] += product[row * width + j];
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// f16: the weights as they are, rounded to binary16.
#include <algorithm>
#include <cstring>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/palette/members.h"

namespace intarsia {
namespace {

class HalfRowsCoder : public BlockCoder {
 public:
  HalfRowsCoder(std::size_t columns, std::size_t rows, std::byte* codes)
      : columns_(columns)
      , rows_(rows)
      , codes_(codes) {}

  void code(std::span<const float> targets, std::size_t count, std::span<float> decoded) override {
    for (std::size_t row = 0; row < rows_; ++row)
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t half = float_to_half(targets[row * count + i]);
        std::memcpy(codes_ + 2 * (row * columns_ + column_ + i), &half, 2);
        decoded[row * count + i] = half_to_float(half);
      }
    column_ += count;
  }

 private:
  std::size_t columns_, rows_, column_ = 0;
  std::byte* codes_;
};

class F16 : public Quantizer {
 public:
  QuantizerId id() const override { return {}; }
  // Rounding to 11 significant bits: relative error uniform within half a unit, averaged over a binade of the
  // Gaussian.
  double distortion() const override { return 4.1e-8; }
  std::uint64_t code_bytes(MatrixShape shape) const override {
    return 2 * std::uint64_t(shape.rows) * shape.columns;
  }
  std::size_t row_granularity() const override { return 1; }
  std::size_t block_columns() const override { return 1; }
  std::span<const float> codebook() const override { return {}; }

  std::unique_ptr<BlockCoder> code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                        std::span<std::byte> codes) const override {
    return std::make_unique<HalfRowsCoder>(shape.columns, row_count,
                                           codes.data() + 2 * first_row * shape.columns);
  }

  void encode(std::span<const float> weights, MatrixShape, std::span<std::byte> codes,
              const JobControl& control) const override {
    parallel_ranges(weights.size(), 1 << 16, [&](std::size_t begin, std::size_t end) {
      control.throw_if_stopped();
      for (std::size_t i = begin; i < end; ++i) {
        const std::uint16_t half = float_to_half(weights[i]);
        std::memcpy(codes.data() + 2 * i, &half, 2);
      }
    });
  }

  void decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
              std::size_t row_count, std::span<float> out) const override {
    const std::byte* from = codes.data() + 2 * first_row * shape.columns;
    for (std::size_t i = 0; i < row_count * shape.columns; ++i) {
      std::uint16_t half;
      std::memcpy(&half, from + 2 * i, 2);
      out[i] = half_to_float(half);
    }
  }
};

} // namespace

std::unique_ptr<Quantizer> make_f16() { return std::make_unique<F16>(); }

} // namespace intarsia

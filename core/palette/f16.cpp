// SPDX-License-Identifier: GPL-3.0-or-later
// f16: the weights as they are, rounded to binary16.
#include <algorithm>
#include <cstring>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/palette/members.h"

namespace intarsia {
namespace {

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
  std::span<const float> codebook() const override { return {}; }

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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Embeddings and heads in 8 bits, against the halves they are made of.
#include "core/runtime/byte_linear.h"

#include <cmath>

#include "core/base/half.h"
#include "core/runtime/cpu_linear.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using intarsia::test::gaussian;

namespace {

struct Halves {
  MatrixShape shape;
  std::vector<std::uint16_t> values;
  explicit Halves(MatrixShape of)
      : shape(of) {
    for (const float value : gaussian(of.size(), 3)) values.push_back(float_to_half(value));
  }
  ByteLinear in_bytes() const {
    return to_bytes({DType::f16, std::as_bytes(std::span(values))}, shape, "head");
  }
  double at(std::size_t row, std::size_t column) const {
    return double(half_to_float(values[row * shape.columns + column]));
  }
};

std::vector<float> multiply(const CpuLinear& layer, const std::vector<float>& x, std::size_t tokens,
                            std::size_t terms) {
  LinearInput input(tokens, layer.shape().columns, terms);
  input.set(x, tokens, layer.shape().columns);
  std::vector<float> y(tokens * layer.shape().rows);
  layer.apply(input, y);
  return y;
}

} // namespace

class TestByteLinear : public QObject {
  Q_OBJECT

 private slots:
  // A rotated weight is off by half a step at most, and a rotation keeps lengths.
  void rows_come_back() {
    for (const MatrixShape shape : {MatrixShape{1, 3}, {5000, 64}, {70, 200}, {9, 576}}) {
      const Halves halves(shape);
      const ByteLinear bytes = halves.in_bytes();
      std::vector<float> row(shape.columns);
      for (std::size_t r = 0; r < shape.rows; ++r) {
        bytes.row(r, row);
        double off = 0, length = 0;
        for (std::size_t c = 0; c < shape.columns; ++c) {
          off += std::pow(double(row[c]) - halves.at(r, c), 2);
          length += std::pow(halves.at(r, c), 2);
        }
        QVERIFY(std::sqrt(off) <= double(bytes.scales[r]) * std::sqrt(double(shape.columns)) / 2 + 1e-6);
        QVERIFY(std::sqrt(off) <= 0.02 * std::sqrt(length));
      }
      QCOMPARE(bytes.weights.size() + 4 * bytes.scales.size(), ByteLinear::bytes(shape));
    }
  }

  void products_are_those_of_the_halves() {
    for (const MatrixShape shape : {MatrixShape{1, 3}, {65, 64}, {70, 200}, {131, 576}})
      for (const std::size_t tokens : {1, 3, 13})
        for (const std::size_t terms : {1, 2}) {
          const Halves halves(shape);
          const CpuLinear layer(halves.in_bytes(), {});
          const auto x = gaussian(tokens * shape.columns, 5);
          const auto y = multiply(layer, x, tokens, terms);
          for (std::size_t t = 0; t < tokens; ++t)
            for (std::size_t r = 0; r < shape.rows; ++r) {
              double sum = 0, ww = 0, xx = 0;
              for (std::size_t c = 0; c < shape.columns; ++c) {
                const double w = halves.at(r, c), v = double(x[t * shape.columns + c]);
                sum += w * v, ww += w * w, xx += v * v;
              }
              // Steps of 1/127 of the largest on both sides: about 0.01 |w| |x| / sqrt(columns) together, and
              // six times that at most; at few columns every error may be at its worst.
              const double bound = 0.07 * std::sqrt(ww * xx / double(shape.columns)) + 1e-4;
              QVERIFY2(std::abs(double(y[t * shape.rows + r]) - sum) <= bound,
                       qPrintable(QString("%1 instead of %2").arg(double(y[t * shape.rows + r])).arg(sum)));
            }
        }
  }

  void the_same_on_every_instruction_set() {
    const CpuLinear layer(Halves({130, 700}).in_bytes(), {});
    const auto x = gaussian(3 * 700, 6);
    const auto here = multiply(layer, x, 3, 2);
    for (const std::int64_t set : test::instruction_sets()) {
      const test::InstructionSet limited(set);
      QVERIFY2(multiply(layer, x, 3, 2) == here, hwy::TargetName(set));
    }
  }

  void a_value_that_is_not_finite_shows() {
    Halves halves({80, 128});
    halves.values[7 * 128 + 5] = 0x7C00; // infinity
    const CpuLinear layer(halves.in_bytes(), {});
    const auto y = multiply(layer, gaussian(128, 1), 1, 1);
    for (std::size_t row = 0; row < y.size(); ++row) QCOMPARE(std::isfinite(y[row]), row != 7);
  }

  void rows_of_zeros_stay_zero() {
    Halves halves({3, 128});
    std::fill_n(halves.values.begin() + 128, 128, std::uint16_t(0));
    const CpuLinear layer(halves.in_bytes(), {});
    QCOMPARE(multiply(layer, gaussian(128, 1), 1, 1)[1], 0.f);
  }
};

QTEST_APPLESS_MAIN(TestByteLinear)
#include "test_byte_linear.moc"

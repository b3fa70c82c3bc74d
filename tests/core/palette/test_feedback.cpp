// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/feedback.h"
#include "core/palette/quantized_linear.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using intarsia::test::gaussian;

namespace {

// E[x x^T] of inputs with a few strong common directions, as activations have.
std::vector<float> correlated_moment(std::size_t n, std::uint64_t seed) {
  const std::size_t directions = std::max<std::size_t>(1, n / 8);
  const auto mix = gaussian(directions * n, seed);
  std::vector<float> moment(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = i == j ? 0.3 : 0;
      for (std::size_t k = 0; k < directions; ++k) sum += double(mix[k * n + i]) * mix[k * n + j];
      moment[i * n + j] = float(sum);
    }
  return moment;
}

std::vector<float> identity(std::size_t n) {
  std::vector<float> moment(n * n);
  for (std::size_t i = 0; i < n; ++i) moment[i * n + i] = 1;
  return moment;
}

// |v U|^2 by the definition.
double norm(const float* v, const HessianFactor& hessian) {
  double sum = 0;
  for (std::size_t j = 0; j < hessian.dimension(); ++j) {
    double entry = 0;
    for (std::size_t i = 0; i <= j; ++i) entry += double(v[i]) * hessian.column(j)[i];
    sum += entry * entry;
  }
  return sum;
}

double loss(std::span<const float> weights, std::span<const float> decoded, MatrixShape shape,
            const HessianFactor& hessian) {
  double sum = 0;
  std::vector<float> error(shape.columns);
  for (std::size_t row = 0; row < shape.rows; ++row) {
    for (std::size_t i = 0; i < shape.columns; ++i)
      error[i] = weights[row * shape.columns + i] - decoded[row * shape.columns + i];
    sum += norm(error.data(), hessian);
  }
  return sum;
}

} // namespace

class TestFeedback : public QObject {
  Q_OBJECT

  static void add_ids() {
    QTest::addColumn<QString>("id");
    for (const char* id : {"nuq-2", "nuq-5", "vq-1.5", "vq-3.5", "tcq-2", "tcq-3.25", "half-tcq-2.25", "f16"})
      QTest::newRow(id) << id;
  }
  static const Quantizer& fetched() {
    QFETCH(QString, id);
    return quantizer(parse_quantizer_id(id.toStdString()));
  }

 private slots:
  void the_factor_squares_to_the_rotated_moment() {
    for (const std::size_t n : {1u, 5u, 48u, 96u}) {
      const Rotation rotation(n, 3);
      const auto moment = correlated_moment(n, n);
      const HessianFactor factor(moment, rotation);
      // Rotated by the definition: E[(R x)(R x)^T] = R M R^T, one basis vector at a time.
      std::vector<double> rotated(n * n);
      std::vector<std::vector<float>> basis(n, std::vector<float>(n));
      for (std::size_t i = 0; i < n; ++i) basis[i][i] = 1, rotation.apply(basis[i]); // column i of R
      double diagonal = 0;
      for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < n; ++b) {
          for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
              rotated[a * n + b] += double(basis[i][a]) * moment[i * n + j] * basis[j][b];
          if (a == b) diagonal += rotated[a * n + a] / double(n);
        }
      for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < n; ++b) {
          double product = 0; // U U^T
          for (std::size_t k = std::max(a, b); k < n; ++k)
            product += double(factor.column(k)[a]) * factor.column(k)[b];
          const double expected = rotated[a * n + b] + (a == b ? 0.01 * diagonal : 0);
          QVERIFY(std::abs(product - expected) < 1e-3 * diagonal);
        }
    }
  }

  void strange_moments_are_factored_or_refused() {
    const Rotation rotation(32, 1);
    const HessianFactor nothing_came_in(std::vector<float>(32 * 32), rotation);
    QVERIFY(nothing_came_in.column(7)[7] > 0);
    std::vector<float> one_direction(32 * 32, 1.f);
    QVERIFY(HessianFactor(one_direction, rotation).column(31)[31] > 0);
    one_direction[5] = NAN;
    QVERIFY(test::error_of([&] { HessianFactor(one_direction, rotation); }).find("NaN") != std::string::npos);
  }

  void independent_inputs_need_no_feedback_data() { add_ids(); }
  void independent_inputs_need_no_feedback() {
    const Quantizer& coder = fetched();
    for (const MatrixShape shape : {MatrixShape{1, 1}, {17, 48}, {40, 33}, {16, 96}}) {
      const auto weights = gaussian(shape.size(), 1);
      const HessianFactor factor(identity(shape.columns), Rotation(shape.columns, 1));
      std::vector<std::byte> plain(coder.code_bytes(shape)), fed(plain.size());
      coder.encode(weights, shape, plain, {});
      encode_with_feedback(coder, weights, shape, factor, fed, {});
      // R R^T is the identity up to rounding, so a code near the border of two cells may differ.
      std::size_t different = 0;
      for (std::size_t i = 0; i < plain.size(); ++i) different += plain[i] != fed[i];
      QVERIFY(different <= plain.size() / 20);
    }
  }

  void feedback_lowers_the_loss_and_reports_it_data() { add_ids(); }
  void feedback_lowers_the_loss_and_reports_it() {
    const Quantizer& coder = fetched();
    if (coder.id().family == QuantizerFamily::f16) QSKIP("f16 loses nothing to speak of");
    for (const MatrixShape shape : {MatrixShape{32, 96}, {21, 67}}) {
      const auto weights = gaussian(shape.size(), 2);
      const HessianFactor factor(correlated_moment(shape.columns, 9), Rotation(shape.columns, 4));
      std::vector<std::byte> codes(coder.code_bytes(shape));
      std::vector<float> decoded(shape.size());
      coder.encode(weights, shape, codes, {});
      coder.decode(codes, shape, 0, shape.rows, decoded);
      const double without = loss(weights, decoded, shape, factor);
      const auto fits = encode_with_feedback(coder, weights, shape, factor, codes, {});
      coder.decode(codes, shape, 0, shape.rows, decoded);
      const double with = loss(weights, decoded, shape, factor);
      if (with > 0.9 * without) QFAIL(qPrintable(QString("%1 with, %2 without").arg(with).arg(without)));
      double reported = 0, energy = 0;
      for (const RowFit& fit : fits) reported += fit.ww - 2 * fit.wq + fit.qq, energy += fit.ww;
      QVERIFY(std::abs(reported / with - 1) < 1e-2);
      double expected_energy = 0;
      for (std::size_t row = 0; row < shape.rows; ++row)
        expected_energy += norm(weights.data() + row * shape.columns, factor);
      QVERIFY(std::abs(energy / expected_energy - 1) < 1e-4);
    }
  }

  void threads_change_nothing() {
    const MatrixShape shape{70, 64};
    const auto weights = gaussian(shape.size(), 3);
    const HessianFactor factor(correlated_moment(64, 1), Rotation(64, 1));
    for (const char* id : {"nuq-3", "tcq-2"}) {
      const Quantizer& coder = quantizer(parse_quantizer_id(id));
      std::vector<std::byte> many(coder.code_bytes(shape)), single(many.size());
      encode_with_feedback(coder, weights, shape, factor, many, {});
      const ThreadLimit one(1);
      encode_with_feedback(coder, weights, shape, factor, single, {});
      QVERIFY(many == single);
    }
  }

  void layers_report_the_loss_of_their_output() {
    const MatrixShape shape{24, 64};
    const auto rotation = std::make_shared<const Rotation>(64, 7);
    const auto moment = correlated_moment(64, 5);
    const HessianFactor factor(moment, *rotation);
    const auto original = gaussian(shape.size(), 8);
    double with = 0, without = 0;
    for (const bool aware : {false, true}) {
      auto weights = original;
      const auto layer = quantize_linear(weights, shape, parse_quantizer_id("tcq-2"), rotation, "layer", {},
                                         aware ? &factor : nullptr);
      QCOMPARE(layer.proxy_loss.has_value(), aware);
      // |(Q(W) - W) x|^2 / |W x|^2 in the original domain, by the definition.
      const auto back = dequantize_linear(layer);
      double error = 0, energy = 0;
      for (std::size_t row = 0; row < shape.rows; ++row)
        for (std::size_t i = 0; i < 64; ++i)
          for (std::size_t j = 0; j < 64; ++j) {
            const float* w = original.data() + row * 64;
            const float* q = back.data() + row * 64;
            error += double(q[i] - w[i]) * moment[i * 64 + j] * (q[j] - w[j]);
            energy += double(w[i]) * moment[i * 64 + j] * w[j];
          }
      (aware ? with : without) = error / energy;
      if (aware) QVERIFY(std::abs(*layer.proxy_loss / with - 1) < 0.1); // the damping's share
    }
    QVERIFY(with < 0.7 * without);
  }
};

QTEST_APPLESS_MAIN(TestFeedback)
#include "test_feedback.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>

#include "core/base/parallel.h"
#include "core/palette/row_feedback.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

// E[g g'] of each head of `rows` outputs that share a few causes.
std::vector<float> correlated_moments(std::size_t heads, std::size_t rows, std::uint64_t seed) {
  const std::size_t causes = rows / 8;
  const auto mix = test::gaussian(heads * causes * rows, seed);
  std::vector<float> moments(heads * rows * rows);
  for (std::size_t head = 0; head < heads; ++head)
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < rows; ++j) {
        float& moment = moments[(head * rows + i) * rows + j];
        moment = i == j ? 0.2f : 0;
        for (std::size_t k = 0; k < causes; ++k)
          moment += mix[(head * causes + k) * rows + i] * mix[(head * causes + k) * rows + j];
      }
  return moments;
}

LinearSource source_of(const std::vector<float>& weights, MatrixShape shape, const char* quantizer,
                       std::shared_ptr<const Rotation> rotation, const HessianFactor* hessian) {
  return {parse_quantizer_id(quantizer),
          shape,
          std::move(rotation),
          "layer",
          [&weights, shape](std::size_t first, std::size_t count, std::span<float> to) {
            std::ranges::copy(std::span(weights).subspan(first * shape.columns, count * shape.columns),
                              to.begin());
          },
          hessian};
}

QuantizedLinear on_cpu(const LinearSource& source, const JobControl& control) {
  return quantize_linear(source, control);
}

std::vector<float> moments_of_inputs(std::size_t columns) {
  std::vector<float> moments(columns * columns);
  for (std::size_t i = 0; i < columns; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      moments[i * columns + j] = std::pow(0.8f, float(i > j ? i - j : j - i));
  return moments;
}

} // namespace

class TestRowFeedback : public QObject {
  Q_OBJECT

 private slots:
  void strips_are_copied() {
    constexpr std::size_t columns = 100;
    constexpr MatrixShape shape{128, columns}, wide{192, columns};
    const auto weights = test::gaussian(shape.size(), 4);
    for (const Quantizer* member : palette()) {
      const Quantizer& coder = *member;
      std::vector<std::byte> codes(coder.code_bytes(shape)), moved(coder.code_bytes(wide));
      coder.encode(weights, shape, codes, {});
      const auto target = [](std::size_t strip) { return (strip * 5 + 3) % 12; }; // of 8
      for (std::size_t strip = 0; strip < 8; ++strip)
        coder.copy_strip(codes, strip, moved, target(strip), columns);
      std::vector<float> before(shape.size()), after(wide.size());
      coder.decode(codes, shape, 0, shape.rows, before);
      coder.decode(moved, wide, 0, wide.rows, after);
      for (std::size_t strip = 0; strip < 8; ++strip)
        for (std::size_t i = 0; i < strip_rows; ++i)
          for (std::size_t j = 0; j < columns; ++j)
            QCOMPARE(after[row_of_strip(target(strip), i) * columns + j],
                     before[row_of_strip(strip, i) * columns + j]);
    }
  }

  void strips_have_each_row_once() {
    std::vector<int> seen(256);
    for (std::size_t strip = 0; strip < 16; ++strip)
      for (std::size_t i = 0; i < strip_rows; ++i) ++seen[row_of_strip(strip, i)];
    QVERIFY(std::ranges::all_of(seen, [](int count) { return count == 1; }));
  }

  // Rows whose gradients don't correlate have nothing to make good.
  void without_correlation_it_is_the_plain_encoding() {
    constexpr std::size_t heads = 3, head_rows = 64, columns = 80;
    constexpr MatrixShape shape{heads * head_rows, columns};
    std::vector<float> moments(heads * head_rows * head_rows);
    for (std::size_t row = 0; row < shape.rows; ++row)
      moments[row * head_rows + row % head_rows] = float(1 + row % 7);
    const RowFactor rows(moments, head_rows);
    QVERIFY(std::abs(rows.feedback_factor() - 1) < 1e-6);
    const auto weights = test::gaussian(shape.size(), 5);
    const auto rotation = std::make_shared<const Rotation>(columns, 3);
    const HessianFactor hessian(moments_of_inputs(columns), *rotation);
    for (const char* name : {"nuq-3", "vq-2", "tcq-2", "half-tcq-2"}) {
      const LinearSource source = source_of(weights, shape, name, rotation, &hessian);
      const QuantizedLinear plain = on_cpu(source, {}),
                            by_strips = encode_by_strips(source, rows, on_cpu, {});
      QVERIFY(by_strips.codes == plain.codes);
      QVERIFY(by_strips.row_scales == plain.row_scales);
      QVERIFY(by_strips.shape.rows == plain.shape.rows && by_strips.rotation == plain.rotation);
      QVERIFY(std::abs(by_strips.distortion / plain.distortion - 1) < 1e-3);
      QVERIFY(std::abs(*by_strips.proxy_loss / *plain.proxy_loss - 1) < 1e-3);
    }
  }

  // tr(H_O E H_I E^T) by the definition, H_O damped, for heads smaller and larger than a panel.
  void the_loss_falls_as_the_factor_says() {
    constexpr std::size_t columns = 64;
    const auto rotation = std::make_shared<const Rotation>(columns, 3);
    const HessianFactor hessian(moments_of_inputs(columns), *rotation);
    for (const std::size_t head_rows : {32u, 64u, 96u, 128u}) {
      const std::size_t heads = 384 / head_rows;
      const MatrixShape shape{384, columns};
      const auto moments = correlated_moments(heads, head_rows, 7);
      QVERIFY(RowFactor::serves(shape.rows, head_rows));
      const RowFactor rows(moments, head_rows);
      const auto weights = test::gaussian(shape.size(), 6);
      const LinearSource source = source_of(weights, shape, "nuq-4", rotation, &hessian);
      const auto loss = [&](const QuantizedLinear& layer) {
        std::vector<float> errors = dequantize_linear(layer);
        for (std::size_t i = 0; i < errors.size(); ++i) errors[i] -= weights[i];
        rotation->apply_rows(errors);
        std::vector<double> output(shape.size()); // E U
        for (std::size_t row = 0; row < shape.rows; ++row)
          for (std::size_t j = 0; j < columns; ++j)
            for (std::size_t i = 0; i <= j; ++i)
              output[row * columns + j] += double(errors[row * columns + i]) * hessian.column(j)[i];
        double sum = 0;
        for (std::size_t row = 0; row < shape.rows; ++row)
          for (std::size_t i = 0; i < head_rows; ++i) {
            const std::size_t head = row / head_rows * head_rows, other = head + i;
            double product = 0, damping = 0;
            for (std::size_t k = 0; k < head_rows && other == row; ++k)
              damping += 0.1 / double(head_rows) * double(moments[(head + k) * head_rows + k]);
            for (std::size_t j = 0; j < columns; ++j)
              product += output[row * columns + j] * output[other * columns + j];
            sum += product * (double(moments[row * head_rows + i]) + damping);
          }
        return sum;
      };
      const double real = loss(encode_by_strips(source, rows, on_cpu, {})) / loss(on_cpu(source, {}));
      const double expected = rows.feedback_factor();
      QVERIFY2(expected < 0.7, qPrintable(QString::number(expected)));
      QVERIFY2(std::abs(real / expected - 1) < 0.15,
               qPrintable(QString("%1 rows: %2, expected %3").arg(head_rows).arg(real).arg(expected)));
    }
  }

  void the_number_of_threads_does_not_matter() {
    constexpr MatrixShape shape{128, 64};
    const RowFactor rows(correlated_moments(2, 64, 7), 64);
    const auto weights = test::gaussian(shape.size(), 6);
    const auto rotation = std::make_shared<const Rotation>(64, 3);
    const HessianFactor hessian(moments_of_inputs(64), *rotation);
    const LinearSource source = source_of(weights, shape, "tcq-2", rotation, &hessian);
    const auto with = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return encode_by_strips(source, rows, on_cpu, {});
    };
    const QuantizedLinear one = with(1), several = with(5);
    QVERIFY(one.codes == several.codes && one.row_scales == several.row_scales);
    QVERIFY(one.distortion == several.distortion && one.proxy_loss == several.proxy_loss);
  }

  void what_has_no_whole_panels_is_not_served() {
    QVERIFY(!RowFactor::serves(192, 128) && !RowFactor::serves(96, 96) && !RowFactor::serves(24, 12));
    QVERIFY(RowFactor::serves(192, 96) && RowFactor::serves(64, 16) && RowFactor::serves(256, 256));
  }

  // A head that never matters, as of a model whose attention is cut off.
  void a_head_without_gradients_is_coded_plainly() {
    constexpr MatrixShape shape{128, 64};
    auto moments = correlated_moments(2, 64, 7);
    std::fill(moments.begin(), moments.begin() + 64 * 64, 0.f);
    const RowFactor rows(moments, 64);
    const auto weights = test::gaussian(shape.size(), 6);
    const auto rotation = std::make_shared<const Rotation>(64, 3);
    const HessianFactor hessian(moments_of_inputs(64), *rotation);
    const LinearSource source = source_of(weights, shape, "nuq-3", rotation, &hessian);
    const QuantizedLinear plain = on_cpu(source, {}), by_strips = encode_by_strips(source, rows, on_cpu, {});
    const auto first = dequantize_linear(plain), second = dequantize_linear(by_strips);
    QVERIFY(std::equal(first.begin(), first.begin() + 64 * 64, second.begin()));
    QVERIFY(!std::equal(first.begin() + 64 * 64, first.end(), second.begin() + 64 * 64));
  }
};

QTEST_APPLESS_MAIN(TestRowFeedback)
#include "test_row_feedback.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>

#include "core/base/random.h"
#include "core/palette/feedback.h"
#include "core/sensitivity/backward_pass.h"
#include "core/sensitivity/feedback_factors.h"
#include "core/sensitivity/sensitivity.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;

class TestFeedbackFactors : public QObject {
  Q_OBJECT

 private slots:
  // What the factor says is what a quantizer shows.
  void the_factor_is_the_ratio_of_losses() {
    constexpr std::size_t n = 96, rows = 512;
    const auto mix = test::gaussian(n / 4 * n, 9);
    std::vector<float> moment(n * n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        moment[i * n + j] = i == j ? 0.3f : 0;
        for (std::size_t k = 0; k < n / 4; ++k) moment[i * n + j] += mix[k * n + i] * mix[k * n + j];
      }
    const HessianFactor factor(moment, Rotation(n, 4));
    const auto weights = test::gaussian(rows * n, 2);
    const Quantizer& coder = quantizer(parse_quantizer_id("nuq-4"));
    std::vector<std::byte> codes(coder.code_bytes({rows, n}));
    std::vector<float> decoded(rows * n);
    coder.encode(weights, {rows, n}, codes, {});
    coder.decode(codes, {rows, n}, 0, rows, decoded);
    double without = 0, with = 0;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t j = 0; j < n; ++j) {
        double entry = 0;
        for (std::size_t i = 0; i <= j; ++i)
          entry += double(weights[row * n + i] - decoded[row * n + i]) * factor.column(j)[i];
        without += entry * entry;
      }
    for (const RowFit& fit : encode_with_feedback(coder, weights, {rows, n}, factor, codes, {}))
      with += fit.ww - 2 * fit.wq + fit.qq;
    const double predicted = factor.feedback_factor(coder.block_columns());
    QVERIFY(predicted < 0.9);
    if (std::abs(with / without / predicted - 1) > 0.1)
      QFAIL(qPrintable(QString("%1 measured, %2 predicted").arg(with / without).arg(predicted)));
  }

  // Rounded by moments of few tokens, and measured on others.
  void few_tokens_are_made_up_for() {
    constexpr std::size_t n = 96, tokens = 3 * n, block = 16;
    auto mix = test::gaussian(n * n, 9); // [sources, columns], the later ones weaker
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < n; ++i) mix[k * n + i] *= float(std::pow(double(k + 1), -0.6));
    const auto sources = test::gaussian(tokens * n, 7);
    std::vector<float> x(tokens * n), seen(n * n), truth(n * n);
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t k = 0; k < n; ++k)
        for (std::size_t i = 0; i < n; ++i) x[t * n + i] += sources[t * n + k] * mix[k * n + i];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t t = 0; t < tokens; ++t)
          seen[i * n + j] += x[t * n + i] * x[t * n + j] / float(tokens);
        for (std::size_t k = 0; k < n; ++k) truth[i * n + j] += mix[k * n + i] * mix[k * n + j];
      }
    const HessianFactor by(seen, Rotation(n, 4)), of(truth, Rotation(n, 4));
    // Errors with feedback are e = h W U^-1, h white and W the diagonal blocks of U: row by row of W.
    double with = 0, without = 0;
    for (std::size_t row = 0; row < n; ++row) {
      std::vector<double> e(n);
      for (std::size_t j = 0; j < n; ++j) {
        e[j] = j / block == row / block && j >= row ? double(by.column(j)[row]) : 0;
        for (std::size_t i = 0; i < j; ++i) e[j] -= e[i] * double(by.column(j)[i]);
        e[j] /= double(by.column(j)[j]);
      }
      for (std::size_t j = 0; j < n; ++j) {
        double loss = 0;
        for (std::size_t i = 0; i <= j; ++i) loss += e[i] * double(of.column(j)[i]);
        with += loss * loss;
        if (row <= j) without += double(of.column(j)[row]) * double(of.column(j)[row]);
      }
    }
    const double real = with / without, hoped = by.feedback_factor(block),
                 expected = by.feedback_factor(block, {tokens, tokens});
    QVERIFY2(hoped < 0.92 * real, qPrintable(QString("%1 %2").arg(hoped).arg(real)));
    QVERIFY2(std::abs(expected / real - 1) < 0.06, qPrintable(QString("%1 %2").arg(expected).arg(real)));
  }

  void every_linear_of_the_blocks_has_one() {
    const QTemporaryDir folder;
    const std::filesystem::path path(folder.path().toStdString());
    test::write_tiny_model(path / "model");
    const auto checkpoint = open_checkpoint(path / "model");
    const auto source = dense_weights(*checkpoint);
    Random random(1);
    std::vector<std::vector<int>> texts(40, std::vector<int>(32));
    for (auto& text : texts)
      for (int& token : text) token = int(random.below(64));
    OutputGradients gradients(source->config().head_dim);
    const auto alike = feedback_factors(*source, texts, gradients, cpu_products(), {});
    add_output_gradients(*source, texts, {}, cpu_products(), {}, gradients);
    const auto factors = feedback_factors(*source, texts, gradients, cpu_products(), {});
    QCOMPARE(factors.size(), checkpoint->graph().linears.size());
    for (const LinearLayer& layer : checkpoint->graph().linears)
      QVERIFY(factors.at(layer.name) > 0 && factors.at(layer.name) <= 1);
    const std::string block = "model.layers.0.self_attn.";
    QCOMPARE(alike.at(block + "q_proj"), alike.at(block + "v_proj")); // they read the same
    QVERIFY(factors.at(block + "q_proj") != factors.at(block + "v_proj"));
  }

  void a_calibrated_sensitivity_is_scaled_once() {
    Sensitivity plain;
    plain.layers = {{"a", 2}, {"head", 3}};
    plain.standard_errors = {{"a", 0.5}, {"head", 1}};
    QVERIFY(!for_calibrated(plain).calibrated); // no factors are known
    plain.feedback = {{"a", 0.25}};
    const Sensitivity scaled = for_calibrated(plain);
    QVERIFY(scaled.calibrated);
    QCOMPARE(scaled.layers.at("a"), 0.5);
    QCOMPARE(scaled.layers.at("head"), 3.0); // never rounded with feedback
    QCOMPARE(scaled.standard_errors.at("a"), 0.125);
    QCOMPARE(for_calibrated(scaled).layers.at("a"), 0.5);
    const Sensitivity read = parse_sensitivity(Json::parse(to_json(scaled).dump()), "test");
    QVERIFY(read.calibrated && read.layers == scaled.layers && read.feedback == scaled.feedback);
  }
};

QTEST_GUILESS_MAIN(TestFeedbackFactors)
#include "test_feedback_factors.moc"

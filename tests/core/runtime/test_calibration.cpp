// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <cmath>

#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/base/random.h"
#include "core/runtime/calibration.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;

class TestCalibration : public QObject {
  Q_OBJECT

  std::filesystem::path path(const char* name) const {
    return std::filesystem::path(folder_.path().toStdString()) / name;
  }
  static std::vector<int> text() {
    Random random(1);
    std::vector<int> tokens(1500);
    for (int& token : tokens) token = int(random.below(64));
    return tokens;
  }

 private slots:
  void initTestCase() {
    test::write_tiny_model(path("model"));
    checkpoint_ = open_checkpoint(path("model"));
    source_ = dense_weights(*checkpoint_);
    model_ = load_on_cpu(*source_, {}, {});
  }

  void moments_are_those_of_the_inputs_in_any_number_of_passes() {
    const auto tokens = text();
    // What every layer reads, gathered independently, in the same windows.
    constexpr std::size_t window = 300;
    std::map<std::string, std::vector<double>> sums;
    model_->observe_inputs([&](const std::string& input, std::span<const float> x, std::size_t count) {
      const std::size_t n = x.size() / count;
      auto& sum = sums[input];
      sum.resize(n * n);
      for (std::size_t t = 0; t < count; ++t)
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j) sum[i * n + j] += double(x[t * n + i]) * x[t * n + j];
    });
    const auto sequence = model_->new_sequence(window);
    for (std::size_t start = 0; start + window <= tokens.size(); start += window) {
      sequence->truncate(0);
      sequence->forward(std::span(tokens).subspan(start, window), true, {});
    }
    model_->observe_inputs({});
    QCOMPARE(sums.size(), std::size_t(8)); // two blocks, four inputs each
    for (const std::uint64_t memory : {std::uint64_t(1), std::uint64_t(1) << 30}) {
      Calibration calibration(*model_, tokens, {.tokens = 1500, .window = window, .memory = memory});
      QCOMPARE(calibration.tokens(), std::size_t(1500));
      for (const LinearLayer& layer : model_->graph().linears) {
        const Rotation rotation(layer.d_in, 5);
        const auto factor = calibration.factor(layer, rotation, {});
        const auto& sum = sums.at(layer.input);
        const HessianFactor expected(std::vector<float>(sum.begin(), sum.end()), rotation);
        for (std::size_t j = 0; j < layer.d_in; ++j)
          for (std::size_t i = 0; i <= j; ++i)
            QVERIFY(std::abs(factor->column(j)[i] - expected.column(j)[i]) <
                    1e-3f * (std::abs(expected.column(j)[j]) + 1));
      }
    }
  }

  void too_short_a_text_is_refused() {
    const std::vector<int> tokens(100, 1);
    QVERIFY(test::error_of([&] { Calibration(*model_, tokens, {}); }).find("100 tokens") !=
            std::string::npos);
  }

  void windows_spread_over_the_text() {
    const auto tokens = text();
    Calibration some(*model_, tokens, {.tokens = 512, .window = 256});
    Calibration all(*model_, tokens, {.tokens = 100000, .window = 256});
    QCOMPARE(some.tokens(), std::size_t(512));
    QCOMPARE(all.tokens(), std::size_t(1280));
    QVERIFY(some.identity() != all.identity());
  }

  void a_calibrated_artifact_says_so() {
    const auto tokens = text();
    Calibration calibration(*model_, tokens, {});
    QuantizeOptions options;
    options.calibration = &calibration;
    std::size_t reported = 0;
    options.on_layer = [&](const LayerDone& layer) {
      const bool plain = layer.quantizer.family == QuantizerFamily::f16;
      QCOMPARE(layer.proxy_loss.has_value(), !plain);
      if (!plain) QVERIFY(*layer.proxy_loss > 0 && *layer.proxy_loss < layer.distortion * 3);
      ++reported;
    };
    const Plan plan = test::mixed_plan(checkpoint_->graph());
    quantize_model(*checkpoint_, plan, path("aware"), options, {});
    QCOMPARE(reported, checkpoint_->graph().linears.size());
    const Json manifest = read_json_file(path("aware") / "artifact.json");
    QCOMPARE(manifest["calibration_tokens"].get<std::size_t>(), calibration.tokens());
    open_artifact(path("aware"))->verify({});
  }

 private:
  QTemporaryDir folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<WeightSource> source_;
  std::unique_ptr<LanguageModel> model_;
};

QTEST_APPLESS_MAIN(TestCalibration)
#include "test_calibration.moc"

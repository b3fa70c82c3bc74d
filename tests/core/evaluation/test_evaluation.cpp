// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>

#include "core/artifact/open_model.h"
#include "core/base/error.h"
#include "core/evaluation/evaluation.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

double log_probability(std::span<const float> logits, int token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit));
  return double(logits[std::size_t(token)]) - std::log(sum);
}

} // namespace

class TestEvaluation : public QObject {
  Q_OBJECT

  OpenedModel opened_ = open_model(test::tests_folder() / "golden/runtime/gqa");
  std::unique_ptr<LanguageModel> model_ =
      load_on_cpu(opened_.weights(), {.half_precision_cache = false, .half_precision_weights = false}, {});
  std::vector<int> tokens_ = [] {
    std::vector<int> tokens;
    for (int i = 0; i < 50; ++i) tokens.push_back(i * 7 % 96);
    return tokens;
  }();

 private slots:
  void perplexity_is_what_the_logits_say() {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t start = 0; start < tokens_.size(); start += 16) {
      const std::vector<int> window(tokens_.begin() + std::ptrdiff_t(start),
                                    tokens_.begin() + std::ptrdiff_t(std::min(start + 16, tokens_.size())));
      const auto logits = model_->new_sequence(16)->forward(window, false, {});
      for (std::size_t i = 1; i < window.size(); ++i, ++count)
        sum -= log_probability(std::span(logits).subspan((i - 1) * 96, 96), window[i]);
    }
    const auto result = perplexity(*model_, tokens_, 16, -1, {});
    QCOMPARE(result.tokens, count);
    QCOMPARE(result.windows, std::size_t(4));
    QVERIFY(std::abs(result.mean_nll - sum / double(count)) < 1e-6);
    QVERIFY(std::abs(result.perplexity - std::exp(result.mean_nll)) < 1e-9);
  }

  void with_a_begin_token_every_token_is_scored() {
    QCOMPARE(perplexity(*model_, tokens_, 16, 1, {}).tokens, tokens_.size());
  }

  void divergence_from_itself_is_zero_and_from_another_is_not() {
    const auto same = divergence(*model_, *model_, tokens_, 32, -1, {});
    QVERIFY(same.mean_kl < 1e-12);
    QCOMPARE(same.top1_agreement, 1.0);
    const OpenedModel other = open_model(test::tests_folder() / "golden/runtime/biased");
    const auto different = load_on_cpu(other.weights(), {}, {});
    const auto result = divergence(*different, *model_, tokens_, 32, -1, {});
    QVERIFY(result.mean_kl > 0.01);
    QVERIFY(result.reference.mean_nll == same.model.mean_nll);
  }

  void kl_of_known_distributions() {
    const std::vector<float> p{std::log(0.5f), std::log(0.5f)}, q{std::log(0.25f), std::log(0.75f)};
    QVERIFY(std::abs(kl_divergence(p, q) - (0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3))) < 1e-6);
    const std::vector<float> shifted{p[0] + 90, p[1] + 90}; // logits are only known up to a constant
    QVERIFY(kl_divergence(p, shifted) < 1e-6);
    const std::vector<float> sure{1000, -1000}; // no overflow
    QVERIFY(std::isfinite(kl_divergence(sure, p)));
    const std::vector<float> broken{NAN, NAN}; // a broken model must not look perfect
    QVERIFY(std::isnan(kl_divergence(p, broken)) && std::isnan(kl_divergence(broken, p)));
    const std::vector<float> never{0, -INFINITY}; // 0 log 0 counts nothing
    QVERIFY(std::abs(kl_divergence(never, p) - std::log(2.0)) < 1e-6);
  }

  void a_model_that_computes_nan_is_refused() {
    const OpenedModel opened = open_model(test::tests_folder() / "golden/runtime/gqa");
    const auto broken = load_on_cpu(opened.weights(), {}, {});
    const LinearLayer& layer = opened.graph().linears[0];
    broken->replace_linear(layer.name,
                           DenseLinear{{layer.d_out, layer.d_in}, std::vector<float>(layer.weights(), NAN)});
    QVERIFY(test::error_of([&] { perplexity(*broken, tokens_, 16, -1, {}); }).find("not finite") !=
            std::string::npos);
    QVERIFY(test::error_of([&] { divergence(*broken, *model_, tokens_, 16, -1, {}); }).find("not finite") !=
            std::string::npos);
  }

  void misuse_and_cancelling_are_said() {
    QVERIFY(test::error_of([&] { perplexity(*model_, tokens_, 1, -1, {}); }).find("at least 2") !=
            std::string::npos);
    QVERIFY(test::error_of([&] {
              perplexity(*model_, std::span(tokens_).first(1), 16, -1, {});
            }).find("too short") != std::string::npos);
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(test::error_of([&] {
               perplexity(*model_, tokens_, 16, -1, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }
};

QTEST_APPLESS_MAIN(TestEvaluation)
#include "test_evaluation.moc"

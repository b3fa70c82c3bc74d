// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>
#include <map>

#include "core/runtime/sampler.h"
#include "tests/support/test_support.h"

using namespace intarsia;

class TestSampler : public QObject {
  Q_OBJECT
 private slots:
  void temperature_zero_takes_the_likeliest_and_the_first_of_equals() {
    SamplingSettings greedy;
    greedy.temperature = 0;
    QCOMPARE(Sampler(greedy).sample(std::vector<float>{1, 5, 5, -2}, {}), 1);
  }

  void draws_follow_the_probabilities() {
    SamplingSettings settings;
    settings.temperature = 1;
    settings.top_p = 1;
    settings.seed = 3;
    Sampler sampler(settings);
    const std::vector<float> logits{std::log(0.6f), std::log(0.3f), std::log(0.1f)};
    std::map<int, int> counts;
    for (int i = 0; i < 20000; ++i) ++counts[sampler.sample(logits, {})];
    QVERIFY(std::abs(counts[0] / 20000.0 - 0.6) < 0.02); // five standard errors
    QVERIFY(std::abs(counts[1] / 20000.0 - 0.3) < 0.02);
  }

  void top_p_and_top_k_leave_the_tail_out() {
    const std::vector<float> logits{std::log(0.6f), std::log(0.3f), std::log(0.1f)};
    SamplingSettings nucleus;
    nucleus.temperature = 1;
    nucleus.top_p = 0.85;
    Sampler by_mass(nucleus);
    SamplingSettings few;
    few.temperature = 1;
    few.top_p = 1;
    few.top_k = 1;
    Sampler by_count(few);
    for (int i = 0; i < 2000; ++i) {
      QVERIFY(by_mass.sample(logits, {}) != 2);
      QCOMPARE(by_count.sample(logits, {}), 0);
    }
  }

  void the_same_seed_draws_the_same() {
    SamplingSettings settings;
    settings.seed = 17;
    Sampler a(settings), b(settings);
    const std::vector<float> logits{0.1f, 0.2f, 0.3f, 0.2f};
    for (int i = 0; i < 100; ++i) QCOMPARE(a.sample(logits, {}), b.sample(logits, {}));
  }

  void repetition_is_penalised() {
    SamplingSettings settings;
    settings.temperature = 0;
    settings.repetition_penalty = 2;
    Sampler sampler(settings);
    QCOMPARE(sampler.sample(std::vector<float>{4, 3}, std::vector<int>{0}), 1);
    QCOMPARE(sampler.sample(std::vector<float>{-1, -1.5f}, std::vector<int>{0}), 1);
  }

  void numbers_that_are_not_finite_are_refused() {
    for (const double temperature : {0.0, 0.7})
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        SamplingSettings settings;
        settings.temperature = temperature;
        Sampler sampler(settings);
        QVERIFY(test::error_of([&] {
                  sampler.sample(std::vector<float>{1, bad, 2}, {});
                }).find("not finite") != std::string::npos);
        QVERIFY(test::error_of([&] {
                  sampler.sample(std::vector<float>{bad, bad}, {});
                }).find("not finite") != std::string::npos);
      }
  }

  void settings_out_of_range_are_refused() {
    const auto sentence = [](auto change) {
      SamplingSettings settings;
      change(settings);
      return test::error_of([&] { Sampler sampler(settings); });
    };
    QVERIFY(sentence([](auto& s) { s.temperature = -1; }).find("temperature") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.temperature = std::nan(""); }).find("temperature") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.top_p = 0; }).find("top-p") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.repetition_penalty = 0; }).find("repetition") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestSampler)
#include "test_sampler.moc"

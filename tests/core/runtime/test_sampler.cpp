// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>
#include <map>

#include "core/runtime/penalties.h"
#include "core/runtime/sampler.h"
#include "core/worker/messages.h"
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

  // What Hugging Face transformers leaves of a distribution, and how likely; tests/golden/runtime.
  void distributions_equal_those_of_transformers_data() {
    QTest::addColumn<int>("index");
    const Json golden = read_json_file(test::tests_folder() / "golden/runtime/sampling.json");
    for (int i = 0; i < int(golden["cases"].size()); ++i)
      QTest::newRow(golden["cases"][std::size_t(i)]["settings"].dump().c_str()) << i;
  }

  void distributions_equal_those_of_transformers() {
    QFETCH(int, index);
    const Json golden = read_json_file(test::tests_folder() / "golden/runtime/sampling.json");
    const Json& expected = golden["cases"][std::size_t(index)];
    const auto logits = golden["logits"].get<std::vector<float>>();
    auto history = golden["prompt"].get<std::vector<int>>();
    const std::size_t prompt_tokens = history.size();
    for (const int token : golden["generated"].get<std::vector<int>>()) history.push_back(token);
    Sampler sampler(sampling_from(JsonObject(expected["settings"], "settings")));
    constexpr int samples = 40000;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < samples; ++i) ++counts[std::size_t(sampler.sample(logits, history, prompt_tokens))];
    for (std::size_t token = 0; token < counts.size(); ++token) {
      const double p = expected["probabilities"][token].get<double>();
      const double error = std::abs(counts[token] / double(samples) - p);
      if (p == 0) QCOMPARE(counts[token], 0);
      QVERIFY2(
          error <= 5 * std::sqrt(p * (1 - p) / samples) + 1e-4,
          qPrintable(
              QString("token %1: %2 of %3, expected %4").arg(token).arg(counts[token]).arg(samples).arg(p)));
    }
  }

  void breakers_bound_a_repetition() {
    const std::vector<int> history{1, 2, 3, 4, 1, 2, 3};
    DrySettings dry;
    dry.multiplier = 1;
    dry.base = 2;
    std::vector<double> free(6), broken(6), forbidden(6);
    penalise_repeated_sequences(free, history, dry, {});
    QCOMPARE(free[4], -2.0); // three tokens repeated, two allowed: 2^1
    std::vector<bool> breaks(6);
    breaks[1] = true; // the repetition is "2 3" behind it
    penalise_repeated_sequences(broken, history, dry, breaks);
    QCOMPARE(broken[4], -1.0);
    breaks[4] = true; // what would go on with it is a breaker itself
    penalise_repeated_sequences(forbidden, history, dry, breaks);
    QCOMPARE(forbidden, std::vector<double>(6));
  }

  void log_probabilities_are_the_models_own() {
    const std::vector<float> logits{std::log(0.1f), std::log(0.6f), std::log(0.3f)};
    const SampledToken sampled = log_probabilities(logits, 0, 2);
    QVERIFY(std::abs(sampled.sampled.log_probability - std::log(0.1)) < 1e-6 && sampled.sampled.token == 0);
    QCOMPARE(sampled.top.size(), std::size_t(2));
    QVERIFY(sampled.top[0].token == 1 && std::abs(sampled.top[0].log_probability - std::log(0.6)) < 1e-6);
    QVERIFY(sampled.top[1].token == 2 && std::abs(sampled.top[1].log_probability - std::log(0.3)) < 1e-6);
    QCOMPARE(log_probabilities(logits, 2, 9).top.size(), logits.size());
  }

  void a_bias_outside_of_the_vocabulary_is_named() {
    SamplingSettings settings;
    settings.logit_bias[7] = 1;
    QVERIFY(!settings.is_basic());
    const std::string error = test::error_of([&] { Sampler(settings).sample(std::vector<float>{1, 2}, {}); });
    QVERIFY2(error.find("token 7") != std::string::npos, error.c_str());
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
    QVERIFY(sentence([](auto& s) { s.min_p = 1.5; }).find("min-p") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.typical_p = 0; }).find("typical-p") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.presence_penalty = NAN; }).find("presence") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.frequency_penalty = 1e9; }).find("frequency") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.dry.multiplier = -1; }).find("DRY") != std::string::npos);
    QVERIFY(sentence([](auto& s) { s.logit_bias[-1] = 0; }).find("logit bias") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestSampler)
#include "test_sampler.moc"

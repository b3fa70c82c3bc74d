// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Whatever is sent arrives as it was, through text.
#include <cmath>
#include <limits>

#include "core/worker/messages.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {
Json through_text(const OrderedJson& json) { return parse_json(json.dump(), "text"); }
} // namespace

class TestMessages : public QObject {
  Q_OBJECT
 private slots:
  void every_kind_of_error_arrives() {
    for (const ErrorKind kind :
         {ErrorKind::usage, ErrorKind::input, ErrorKind::unsupported, ErrorKind::infeasible,
          ErrorKind::resource, ErrorKind::cancelled, ErrorKind::internal}) {
      const Json json = through_text(to_json(kind, "a sentence"));
      const Error error = error_from(JsonObject(json, "error"));
      QVERIFY(error.kind() == kind);
      QCOMPARE(std::string(error.what()), std::string("a sentence"));
    }
    const Json unknown{{"kind", "quantum"}, {"message", "?"}};
    QVERIFY(error_from(JsonObject(unknown, "error")).kind() == ErrorKind::internal);
  }

  void numbers_arrive_bit_for_bit() {
    const PerplexityResult one{1.0 / 3, 0.1, 5e-324, 123456789012, 7};
    const Json json = through_text(to_json(DivergenceResult{1e-17, 0.2, 1.0 / 7, one, one}));
    const DivergenceResult back = divergence_from(JsonObject(json, "result"));
    QVERIFY(back.mean_kl == 1e-17 && back.standard_error == 0.2 && back.top1_agreement == 1.0 / 7);
    QVERIFY(back.reference.perplexity == 1.0 / 3 && back.reference.standard_error == 5e-324);
    QVERIFY(back.model.tokens == 123456789012 && back.model.windows == 7);
  }

  void a_number_that_is_not_finite_travels_as_null() {
    const OrderedJson json = to_json(PerplexityResult{std::nan(""), -HUGE_VAL, 0, 1, 1});
    QVERIFY(json.dump().find("\"perplexity\":null,\"mean_nll\":null") != std::string::npos);
    const Json read = through_text(json);
    QVERIFY(std::isnan(perplexity_from(JsonObject(read, "result")).perplexity));
  }

  void a_generation_arrives() {
    GenerationResult result{"Ebony, é", {5, 0, 1535}, StopReason::context_full, 12, 3, 0.1, 2.5};
    const Json json = through_text(to_json(result));
    const GenerationResult back = generation_from(JsonObject(json, "result"));
    QCOMPARE(back.text, result.text);
    QCOMPARE(back.tokens, result.tokens);
    QVERIFY(back.reason == result.reason && back.prompt_tokens == 12 && back.reused_tokens == 3);
    QVERIFY(back.prefill_seconds == 0.1 && back.decode_seconds == 2.5);
  }

  void a_layer_arrives() {
    LayerDone layer{
        "model.layers.0.mlp.up_proj", parse_quantizer_id("tcq-3.25"), 0.01, std::nullopt, 2, true};
    for (const std::optional<double> loss : {std::optional<double>(), std::optional<double>(0.25)}) {
      layer.proxy_loss = loss;
      const Json json = through_text(to_json(layer));
      const LayerDone back = layer_from(JsonObject(json, "layer"));
      QVERIFY(back.name == layer.name && back.quantizer == layer.quantizer && back.proxy_loss == loss);
      QVERIFY(back.distortion == 0.01 && back.seconds == 2 && back.resumed);
    }
  }

  void tokens_outside_the_vocabulary_are_refused() {
    const auto read = [](const Json& tokens) {
      const Json request = through_text({{"tokens", tokens}});
      return error_of([&] { tokens_from(JsonObject(request, "the request"), "tokens", 100); });
    };
    QVERIFY(read({0, 99}).empty());
    QVERIFY(read(Json::array()).empty());
    for (const Json& bad : {Json{0, 100}, Json{0, -1}, Json{0, 1.5}, Json{0, "1"}, Json{0, nullptr}})
      QVERIFY(read(bad).find("token 1 ") != std::string::npos);
    QVERIFY(read("0").find("not a list") != std::string::npos);
  }

  void sampling_settings_arrive() {
    const SamplingSettings settings{0.3, 0.8, 40, 1.1, 1234567};
    const Json json = through_text(to_json(settings));
    const SamplingSettings back = sampling_from(JsonObject(json, "sampling"));
    QVERIFY(back.temperature == 0.3 && back.top_p == 0.8 && back.top_k == 40);
    QVERIFY(back.repetition_penalty == 1.1 && back.seed == 1234567);
  }

  void every_sampling_setting_arrives() {
    SamplingSettings settings;
    settings.min_p = 0.02;
    settings.typical_p = 0.9;
    settings.presence_penalty = -0.5;
    settings.frequency_penalty = 0.25;
    settings.dry = {0.8, 1.5, 4, {"\n", "é"}};
    settings.logit_bias = {{0, -100}, {151643, 0.5}};
    const Json json = through_text(to_json(settings));
    QVERIFY(sampling_from(JsonObject(json, "sampling")) == settings);
    for (const char* bad :
         {R"({"logit_bias":[[-1,2]]})", R"({"logit_bias":{"1":2}})", R"({"dry":{"breakers":[1]}})"}) {
      const Json wrong = parse_json(bad, "text");
      QVERIFY(!error_of([&] { sampling_from(JsonObject(wrong, "sampling")); }).empty());
    }
  }

  void log_probabilities_arrive() {
    GenerationResult result;
    result.stop_text = "END";
    result.sampled = {{{5, -0.25}, {{5, -0.25}, {7, -1.0 / 3}}}, {{9, -2.5}, {}}};
    const Json json = through_text(to_json(result));
    const GenerationResult back = generation_from(JsonObject(json, "result"));
    QVERIFY(back.sampled == result.sampled);
    QCOMPARE(back.stop_text, result.stop_text);
  }
};

QTEST_APPLESS_MAIN(TestMessages)
#include "test_messages.moc"

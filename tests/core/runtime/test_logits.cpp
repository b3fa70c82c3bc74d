// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Logits against Hugging Face transformers (goldens by tests/golden/runtime/make_llama_goldens.py).
#include <cmath>

#include "core/artifact/open_model.h"
#include "core/base/json.h"
#include "core/palette/quantized_linear.h"
#include "core/runtime/generator.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

constexpr double tolerance = 2e-4; // the issue asks for 2e-3

struct Golden {
  std::vector<int> tokens;
  std::vector<float> logits;
};

Golden read_golden(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  Golden golden{json["tokens"].get<std::vector<int>>(), {}};
  for (const Json& row : json["logits"])
    for (const Json& value : row) golden.logits.push_back(value.get<float>());
  return golden;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  return largest;
}

std::unique_ptr<LanguageModel> load_f32(const OpenedModel& model) {
  return load_on_cpu(model.weights(),
                     {.half_precision_cache = false, .half_precision_weights = false, .activation_terms = 0},
                     {});
}

std::filesystem::path golden_folder() { return test::tests_folder() / "golden/runtime"; }

} // namespace

class TestLogits : public QObject {
  Q_OBJECT
 private slots:
  void match_transformers_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("golden");
    for (const char* name : {"gqa", "tied", "biased", "llama3-rope", "qwen2"})
      QTest::newRow(name) << QString::fromStdString((golden_folder() / name).string())
                          << QString::fromStdString((golden_folder() / name / "logits.json").string());
    QTest::newRow("built-in model") << QString::fromStdString(
                                           (test::resources_folder() / "demo-model").string())
                                    << QString::fromStdString((golden_folder() / "demo-model.json").string());
  }

  void match_transformers() {
    QFETCH(QString, model);
    QFETCH(QString, golden);
    const OpenedModel opened = open_model(model.toStdString());
    const auto running = load_f32(opened);
    const Golden expected = read_golden(golden.toStdString());
    const auto sequence = running->new_sequence(expected.tokens.size());
    const double difference =
        largest_difference(sequence->forward(expected.tokens, false, {}), expected.logits);
    qInfo("max absolute difference %.2g", difference);
    QVERIFY(difference <= tolerance);
  }

  void do_not_depend_on_how_the_tokens_are_fed() {
    const OpenedModel opened = open_model(golden_folder() / "gqa");
    const auto running = load_f32(opened);
    const Golden golden = read_golden(golden_folder() / "gqa/logits.json");
    const std::size_t vocabulary = running->config().vocabulary;
    const auto whole = running->new_sequence(64);
    const auto all = whole->forward(golden.tokens, false, {});
    const auto pieces = running->new_sequence(64);
    for (std::size_t start = 0; start < golden.tokens.size(); start += 7) {
      const std::size_t count = std::min<std::size_t>(7, golden.tokens.size() - start);
      const auto last = pieces->forward(std::span(golden.tokens).subspan(start, count), true, {});
      QVERIFY(largest_difference(last, std::span(all).subspan((start + count - 1) * vocabulary, vocabulary)) <
              1e-5);
    }
    pieces->truncate(10);
    const auto again = pieces->forward(std::span(golden.tokens).subspan(10, 5), false, {});
    QVERIFY(largest_difference(again, std::span(all).subspan(10 * vocabulary, 5 * vocabulary)) < 1e-5);
  }

  void quantized_layers_compute_what_their_weights_say() {
    const OpenedModel opened = open_model(golden_folder() / "biased");
    const auto quantized = load_f32(opened), dense = load_f32(opened);
    std::uint64_t seed = 1;
    for (const LinearLayer& layer : opened.graph().linears) {
      auto weights = std::get<DenseLinear>(opened.weights().linear(layer)).weights;
      const auto rotation = std::make_shared<const Rotation>(layer.d_in, ++seed);
      auto coded = quantize_linear(weights, {layer.d_out, layer.d_in}, parse_quantizer_id("nuq-4"), rotation,
                                   layer.name, {});
      dense->replace_linear(layer.name, DenseLinear{coded.shape, dequantize_linear(coded)});
      quantized->replace_linear(layer.name, std::move(coded));
    }
    const Golden golden = read_golden(golden_folder() / "biased/logits.json");
    const auto a = quantized->new_sequence(64)->forward(golden.tokens, false, {});
    const auto b = dense->new_sequence(64)->forward(golden.tokens, false, {});
    const double difference = largest_difference(a, b);
    QVERIFY2(difference < 1e-4, qPrintable(QString::number(difference))); // f32 both, summed in another order
    QVERIFY(largest_difference(a, golden.logits) > 1e-2);                 // it did quantize
  }

  // A step for several sequences computes what each alone would, to the bit.
  void sequences_step_together() {
    const OpenedModel opened = open_model(golden_folder() / "gqa");
    const auto running = load_f32(opened);
    const Golden golden = read_golden(golden_folder() / "gqa/logits.json");
    const std::size_t vocabulary = running->config().vocabulary;
    std::vector<std::unique_ptr<Sequence>> alone, together;
    std::vector<Sequence*> all;
    std::vector<int> next;
    std::vector<float> expected;
    for (std::size_t i = 0; i < 5; ++i) { // of different lengths and capacities
      for (auto* kind : {&alone, &together}) {
        kind->push_back(running->new_sequence(30 + i));
        kind->back()->forward(std::span(golden.tokens).first(3 + 2 * i), true, {});
      }
      all.push_back(together.back().get());
      next.push_back(golden.tokens[i]);
      const auto logits = alone.back()->forward(std::span(next).last(1), true, {});
      expected.insert(expected.end(), logits.begin(), logits.end());
    }
    QVERIFY(running->step(all, next, {}) == expected);
    for (std::size_t i = 0; i < 5; ++i) QCOMPARE(together[i]->length(), 4 + 2 * i);
    std::stop_source stopped;
    stopped.request_stop();
    QVERIFY(!test::error_of([&] { running->step(all, next, stopped.get_token()); }).empty());
    QCOMPARE(together[0]->length(), std::size_t(4));
    QCOMPARE(running->step(all, next, {}).size(), 5 * vocabulary);
  }

  void an_8_bit_cache_computes_nearly_the_same() {
    const OpenedModel opened = open_model(golden_folder() / "gqa");
    const auto coarse =
        load_on_cpu(opened.weights(), {.quantized_cache = true, .half_precision_weights = false}, {});
    const Golden golden = read_golden(golden_folder() / "gqa/logits.json");
    const auto logits = coarse->new_sequence(64)->forward(golden.tokens, false, {});
    const double difference = largest_difference(logits, golden.logits);
    QVERIFY(difference > 1e-6); // it is coarser
    // Of 3,840 logits with a standard deviation of 1.13, the worst: steps of 1/127 of a head's largest value.
    QVERIFY2(difference < 0.1, qPrintable(QString::number(difference)));
  }

  void sequence_bytes_are_what_a_sequence_takes() {
    const ModelConfig config = open_model(golden_folder() / "gqa").config();
    const CpuOptions half, single{.half_precision_cache = false, .half_precision_weights = false};
    const auto cache = std::uint64_t(2) * config.blocks * 64 * config.kv_dim();
    QCOMPARE(cpu_sequence_bytes(config, 64, single) - cpu_sequence_bytes(config, 64, half), 2 * cache);
  }

  void misuse_is_an_error_that_says_what_to_do() {
    const OpenedModel opened = open_model(golden_folder() / "gqa");
    const auto running = load_f32(opened);
    const auto sequence = running->new_sequence(4);
    QVERIFY(test::error_of([&] {
              sequence->forward(std::vector<int>{1, 2, 3, 4, 5}, true, {});
            }).find("context of 4 tokens") != std::string::npos);
    QVERIFY(test::error_of([&] { sequence->forward(std::vector<int>{96}, true, {}); }).find("token 96") !=
            std::string::npos);
    QVERIFY(test::error_of([&] { sequence->forward(std::vector<int>{-1}, true, {}); }).find("token -1") !=
            std::string::npos);
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(test::error_of([&] { sequence->forward(std::vector<int>{1}, true, stop.get_token()); }),
             std::string("cancelled"));
  }

  void a_real_story_model_continues_as_its_reference_does() {
    INTARSIA_NEED_SHARED("models/tinystories-656k");
    const auto folder = test::shared_folder() / "models/tinystories-656k";
    const OpenedModel opened = open_model(folder);
    QVERIFY(opened.tokenizer != nullptr);
    QFile file(QString::fromStdString((folder / "greedy_once_upon_a_time.txt").string()));
    QVERIFY(file.open(QIODevice::ReadOnly));
    // The file holds the start of the story and then, again from "prompt ids", the whole of it.
    const QString whole = QString::fromUtf8(file.readAll()).split("prompt ids: ").last();
    const qsizetype first_line = whole.indexOf('\n');
    std::vector<int> prompt;
    for (const QString& id : whole.left(first_line).split(' ', Qt::SkipEmptyParts))
      prompt.push_back(id.toInt());
    QVERIFY(opened.tokenizer->encode("Once upon a time") == prompt);

    GenerationRequest request;
    request.prompt = prompt;
    request.max_tokens = 400;
    request.sampling.temperature = 0;
    request.stop_tokens = opened.config().eos_tokens;
    const auto running = load_f32(opened);
    const auto sequence = running->new_sequence(512);
    std::vector<int> cached;
    const auto result = generate(*sequence, cached, *opened.tokenizer, request, nullptr, {});
    std::vector<int> all = prompt;
    all.insert(all.end(), result.tokens.begin(), result.tokens.end());
    // The model spells "<|end_story|>" out before it ends the text with the token of that name.
    const QString ours = QString::fromStdString(opened.tokenizer->decode(all));
    QCOMPARE(ours.trimmed(), whole.mid(first_line).trimmed());
    QVERIFY(result.reason == StopReason::end_of_text);
  }
};

QTEST_APPLESS_MAIN(TestLogits)
#include "test_logits.moc"

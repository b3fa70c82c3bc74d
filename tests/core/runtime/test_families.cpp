// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every model family against Hugging Face transformers, from its folder and as a GGUF, and through the whole
// job (goldens by tests/golden/families/make_family_goldens.py).
#include <QTemporaryDir>
#include <cmath>

#include "core/allocation/plan.h"
#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/base/json.h"
#include "core/runtime/backend.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

constexpr double tolerance = 2e-3;

std::filesystem::path families_folder() { return test::tests_folder() / "golden/families"; }

std::vector<std::string> families() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(families_folder()))
    if (std::filesystem::exists(entry.path() / "golden.json")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::unique_ptr<LanguageModel> load_f32(const OpenedModel& model) {
  return load_on_cpu(model.weights(), {.half_precision_cache = false, .half_precision_weights = false}, {});
}

int best_of(std::span<const float> logits) {
  return int(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::vector<int> greedy(LanguageModel& model, std::vector<int> prompt, std::size_t count) {
  const auto sequence = model.new_sequence(prompt.size() + count);
  std::vector<int> found;
  while (found.size() < count) {
    found.push_back(best_of(sequence->forward(prompt, true, {})));
    prompt = {found.back()};
  }
  return found;
}

double largest_difference(std::span<const float> logits, const Json& golden) {
  double largest = 0;
  std::size_t i = 0;
  for (const Json& row : golden["logits"])
    for (const Json& value : row)
      largest = std::max(largest,
                         i < logits.size() ? std::abs(double(logits[i++]) - value.get<double>()) : INFINITY);
  return i == logits.size() ? largest : INFINITY;
}

} // namespace

class TestFamilies : public QObject {
  Q_OBJECT

  static void add_models(bool gguf) {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QString>("model");
    for (const std::string& name : families()) {
      const auto folder = families_folder() / name, model = gguf ? folder / "model.gguf" : folder;
      if (std::filesystem::exists(model))
        QTest::newRow(name.c_str()) << QString::fromStdString(folder) << QString::fromStdString(model);
    }
  }

  static void compare_with_golden() {
    QFETCH(QString, folder);
    QFETCH(QString, model);
    const Json golden = read_json_file(std::filesystem::path(folder.toStdString()) / "golden.json");
    const OpenedModel opened = open_model(model.toStdString());
    const auto running = load_f32(opened);
    const auto tokens = golden["tokens"].get<std::vector<int>>();
    const auto logits = running->new_sequence(tokens.size())->forward(tokens, false, {});
    const double difference = largest_difference(logits, golden);
    qInfo("max absolute difference %.2g", difference);
    QVERIFY(difference <= tolerance);
    if (!golden.contains("greedy")) return;
    const auto expected = golden["greedy"].get<std::vector<int>>();
    QVERIFY(greedy(*running, golden["prompt"].get<std::vector<int>>(), expected.size()) == expected);
  }

 private slots:
  void there_are_goldens() { QVERIFY(families().size() >= 15); }

  void folders_match_transformers_data() { add_models(false); }
  void folders_match_transformers() { compare_with_golden(); }
  void ggufs_match_transformers_data() { add_models(true); }
  void ggufs_match_transformers() { compare_with_golden(); }

  // What an artifact says of a family must be read back to the same computation.
  void artifacts_compute_what_their_weights_say_data() { add_models(false); }
  void artifacts_compute_what_their_weights_say() {
    QFETCH(QString, folder);
    const OpenedModel opened = open_model(folder.toStdString());
    const std::filesystem::path out = std::filesystem::path(scratch_.path().toStdString()) /
                                      std::filesystem::path(folder.toStdString()).filename();
    Plan plan;
    for (const LinearLayer& layer : opened.graph().linears)
      plan.layers[layer.name] = {parse_quantizer_id("nuq-8"), "cpu"};
    quantize_model(*opened.checkpoint, plan, out, {}, {});
    const OpenedModel artifact = open_model(out);
    QVERIFY(to_json(artifact.config()) == to_json(opened.config()));
    const auto dense = load_f32(opened);
    for (const LinearLayer* layer : opened.graph().all_layers()) {
      const auto coded =
          std::get<QuantizedLinear>(artifact.weights().linear(*artifact.graph().find(layer->name)));
      dense->replace_linear(layer->name, DenseLinear{coded.shape, dequantize_linear(coded)});
    }
    const std::vector<int> tokens{3, 9, 27, 81, 5, 15, 45, 40, 24, 72, 26, 78};
    const auto a = load_on_cpu(artifact.weights(), {.half_precision_cache = false, .activation_terms = 0}, {})
                       ->new_sequence(tokens.size())
                       ->forward(tokens, false, {});
    const auto b = dense->new_sequence(tokens.size())->forward(tokens, false, {});
    for (std::size_t i = 0; i < a.size(); ++i) QVERIFY(std::abs(a[i] - b[i]) < 2e-3f);
  }

 private:
  QTemporaryDir scratch_;
};

QTEST_APPLESS_MAIN(TestFamilies)
#include "test_families.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A plan that says it fits must fit: the memory that the allocator predicts against what a process that runs
// the artifact has had at its peak.
#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
namespace fs = std::filesystem;

namespace {

// The peak that `intarsia chat` reports: a prompt longer than a chunk, then token by token.
Json run_chat(const fs::path& artifact, std::size_t context, const QString& kv_cache) {
  std::string prompt;
  for (int i = 0; i < 100; ++i) prompt += "Let it fit. ";
  const auto result = test::run_cli({"chat", QString::fromStdString(artifact.string()), "--raw", "--prompt",
                                     QString::fromStdString(prompt).left(400), "--max-tokens", "8",
                                     "--context", QString::number(context), "--kv-cache", kv_cache, "--json"},
                                    300000);
  return result.exit_code == 0 ? Json::parse(result.out) : Json();
}

} // namespace

class TestMemory : public QObject {
  Q_OBJECT
  QTemporaryDir folder_;

 private slots:
  void prediction_is_never_below_and_at_most_3_percent_above_data() {
    QTest::addColumn<test::TinyModel>("model");
    QTest::addColumn<QString>("vocabulary_quantizer");
    QTest::newRow("tied, few heads") << test::TinyModel{576, 1536, 8, 9, 3, 32768, 16384, true, 1} << "tcq-4";
    QTest::newRow("own head, f16 vocabulary")
        << test::TinyModel{512, 1408, 10, 8, 8, 16384, 16384, false, 2} << "f16";
    QTest::newRow("wide") << test::TinyModel{1024, 2816, 3, 16, 4, 8192, 16384, false, 3} << "nuq-5";
  }

  void prediction_is_never_below_and_at_most_3_percent_above() {
    QFETCH(test::TinyModel, model);
    QFETCH(QString, vocabulary_quantizer);
    const fs::path base = fs::path(folder_.path().toStdString()) / QTest::currentDataTag();
    test::write_tiny_model(base / "model", model);
    test::write_tiny_tokenizer(base / "model", model.vocabulary);
    const auto checkpoint = open_checkpoint(base / "model");
    Plan plan;
    const std::array ids{"nuq-3", "vq-2.5", "nuq-4", "vq-4"};
    std::size_t next = 0;
    for (const LinearLayer& layer : checkpoint->graph().linears)
      plan.layers[layer.name] = {parse_quantizer_id(ids[next++ % ids.size()]), "cpu"};
    if (vocabulary_quantizer != "f16")
      for (const LinearLayer* layer : checkpoint->graph().vocabulary_layers())
        plan.layers[layer->name] = {parse_quantizer_id(vocabulary_quantizer.toStdString()), "cpu"};
    quantize_model(*checkpoint, plan, base / "small", {}, {});
    for (const auto& [context, kv_cache] :
         {std::pair{512, "f16"}, {2048, "f16"}, {8192, "f16"}, {8192, "q8"}}) {
      const Json chat = run_chat(base / "small", std::size_t(context), kv_cache);
      QVERIFY(!chat.is_null());
      QVERIFY(chat["prompt_tokens"].get<int>() > 128);
      const double predicted = chat["memory"]["predicted_bytes"].get<double>();
      const double measured = chat["memory"]["peak_bytes"].get<double>();
      qInfo("%s, %d tokens, KV cache in %s: predicted %.2f MiB, measured %.2f MiB, ratio %.4f",
            QTest::currentDataTag(), context, kv_cache, predicted / 0x1p20, measured / 0x1p20,
            predicted / measured);
      QVERIFY(predicted >= measured);
      QVERIFY(predicted <= 1.03 * measured);
    }
    fs::remove_all(base);
  }
};

QTEST_GUILESS_MAIN(TestMemory)
#include "test_memory_slow.moc"

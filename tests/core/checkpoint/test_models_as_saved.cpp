// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Whole models as other programs save them, where names or metadata say something else than usual.
#include <QTemporaryDir>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_config.h"
#include "tests/support/model_files.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
namespace fs = std::filesystem;

class TestModelsAsSaved : public QObject {
  Q_OBJECT

  QTemporaryDir dir_;
  int made_ = 0;
  fs::path new_folder() {
    const fs::path folder = fs::path(dir_.path().toStdString()) / std::to_string(made_++);
    fs::create_directory(folder);
    return folder;
  }

 private slots:
  // Sets one number of a tensor in F32.
  static void damage(const fs::path& folder, const std::string& tensor, std::size_t index, float value) {
    std::string bytes = read_text_file(folder / "model.safetensors");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    const std::size_t begin = Json::parse(bytes.substr(8, length))[tensor]["data_offsets"][0];
    std::memcpy(bytes.data() + 8 + length + begin + 4 * index, &value, 4);
    test::write_file(folder / "model.safetensors", bytes);
  }

  // What transformers and llama.cpp compute: the file decides about the head where the config is wrong.
  void a_head_that_differs_from_the_embedding_is_used() {
    const auto open = [&](float last) {
      const fs::path folder = new_folder();
      test::write_tiny_model(folder, {.tied = true});
      Json config = read_json_file(folder / "config.json");
      std::string bytes = read_text_file(folder / "model.safetensors");
      std::uint64_t length = 0;
      std::memcpy(&length, bytes.data(), 8);
      Json header = Json::parse(bytes.substr(8, length));
      const Json embedding = header["model.embed_tokens.weight"];
      const std::size_t begin = embedding["data_offsets"][0], end = embedding["data_offsets"][1],
                        size = bytes.size() - 8 - length;
      std::string head = bytes.substr(8 + length + begin, end - begin);
      std::memcpy(head.data() + head.size() - 4, &last, 4);
      header["lm_head.weight"] = {{"dtype", embedding["dtype"]},
                                  {"shape", embedding["shape"]},
                                  {"data_offsets", {size, size + head.size()}}};
      std::string file = test::safetensors_bytes(header.dump(), 0);
      test::write_file(folder / "model.safetensors", file + bytes.substr(8 + length) + head);
      return open_checkpoint(folder);
    };
    const float same = open(0)->read("model.embed_tokens.weight").back();
    QVERIFY(open(same)->config().tied_embeddings && !open(same)->graph().head);
    const auto other = open(same + 1);
    QVERIFY(!other->config().tied_embeddings && other->graph().head);
    QCOMPARE(other->read("lm_head.weight").back(), same + 1);
    QCOMPARE(other->read("model.embed_tokens.weight").back(), same);
  }

  // AutoModel.save_pretrained of models that make embeddings: Qwen3-Embedding, E5-Mistral.
  void names_without_the_prefix_model() {
    const fs::path folder = new_folder();
    test::write_tiny_model(folder, {.tied = true});
    const auto as_usual = open_checkpoint(folder)->read("model.layers.1.mlp.up_proj.weight");
    std::string bytes = read_text_file(folder / "model.safetensors");
    for (std::size_t at = bytes.find("\"model."); at != std::string::npos; at = bytes.find("\"model.", at))
      bytes.replace(at, 7, "\""), bytes.insert(bytes.find('}', at) + 1, 6, ' ');
    test::write_file(folder / "model.safetensors", bytes);
    QVERIFY(open_checkpoint(folder)->read("model.layers.1.mlp.up_proj.weight") == as_usual);
  }

  // The name goes into plan.json and config.json, which are UTF-8.
  void names_that_are_not_utf8() {
    const fs::path folder = new_folder() / "bad\xFF";
    test::write_tiny_model(folder);
    const auto checkpoint = open_checkpoint(folder);
    QVERIFY(to_json(checkpoint->config()).dump().find("bad") != std::string::npos);
    test::GgufBuilder gguf = test::tiny_gguf();
    gguf.text("general.name", "Llama \xFE 7B");
    const fs::path file = new_folder() / "m\xFF.gguf";
    test::write_file(file, gguf.bytes(test::tiny_gguf_data_bytes));
    QVERIFY(to_json(open_checkpoint(file)->config()).dump().find("7B") != std::string::npos);
  }

  void a_link_to_itself_is_one_sentence() {
    const fs::path loop = new_folder() / "loop";
    fs::create_symlink("loop", loop);
    const std::string sentence = test::error_of([&] { open_model(loop); });
    QVERIFY2(sentence.find("is a link to a file that is not there") != std::string::npos, sentence.c_str());
  }

  // An artifact of it could not answer.
  void what_f16_cannot_hold_is_not_quantized_data() {
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<float>("value");
    QTest::addColumn<QString>("sentence");
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    QTest::newRow("norm, NaN") << "model.norm.weight" << nan << "not a finite number";
    QTest::newRow("block's norm, infinite")
        << "model.layers.0.input_layernorm.weight" << inf << "not a finite number";
    QTest::newRow("embedding, NaN") << "model.embed_tokens.weight" << nan << "not a finite number";
    QTest::newRow("embedding, 70000") << "model.embed_tokens.weight" << 70000.f << "more than f16 holds";
    QTest::newRow("embedding, 65504") << "model.embed_tokens.weight" << 65504.f << "";
  }
  void what_f16_cannot_hold_is_not_quantized() {
    QFETCH(QString, tensor);
    QFETCH(float, value);
    QFETCH(QString, sentence);
    const fs::path folder = new_folder();
    test::write_tiny_model(folder);
    damage(folder, tensor.toStdString(), 3, value);
    const auto checkpoint = open_checkpoint(folder);
    const std::string said = test::error_of(
        [&] { quantize_model(*checkpoint, test::mixed_plan(checkpoint->graph()), folder / "out", {}, {}); });
    QCOMPARE(said.empty(), sentence.isEmpty());
    QVERIFY2(QString::fromStdString(said).contains(sentence), said.c_str());
    const std::string layer = tensor.toStdString().substr(0, tensor.toStdString().find(".weight"));
    QVERIFY(sentence.isEmpty() || said.find(layer) != std::string::npos);
    QVERIFY(fs::exists(folder / "out") == sentence.isEmpty());
  }

  // llama.cpp's converter writes 0 for Phi-4, which has no window.
  void a_gguf_with_a_window_of_0_has_none() {
    const auto config_with = [&](std::uint32_t window) {
      test::GgufBuilder gguf;
      gguf.text("general.architecture", "gemma3").number("gemma3.embedding_length", 8);
      gguf.number("gemma3.feed_forward_length", 8).number("gemma3.block_count", 4);
      gguf.number("gemma3.attention.head_count", 2).number("gemma3.attention.key_length", 4);
      gguf.real("gemma3.attention.layer_norm_rms_epsilon", 1e-5f).number("gemma3.vocab_size", 4);
      gguf.number("gemma3.attention.sliding_window", window);
      gguf.number("gemma3.attention.sliding_window_pattern", 2);
      const fs::path file = new_folder() / "m.gguf";
      test::write_file(file, gguf.bytes(0));
      const MappedFile mapped(file);
      return gguf_model_config(Gguf(mapped.bytes(), "m.gguf"), {mapped.bytes()});
    };
    const ModelConfig with = config_with(6), without = config_with(0);
    for (std::size_t block = 0; block < 4; ++block) {
      QCOMPARE(with.attention_of(block).window, std::size_t(block % 2 == 0 ? 6 : 0));
      QVERIFY((with.attention_of(block).rope == RopeUse::local) == (block % 2 == 0));
      QVERIFY(without.attention_of(block).window == 0 && without.attention_of(block).rope == RopeUse::global);
    }
  }
};

QTEST_APPLESS_MAIN(TestModelsAsSaved)
#include "test_models_as_saved.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Files as people have them: split, renamed, cached, half downloaded, of another kind. Each opens, or is one
// sentence that says what it is and what to do.
#include <QTemporaryDir>
#include <filesystem>
#include <fstream>

#include "core/base/foreign_content.h"
#include "core/base/json.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/gguf.h"
#include "tests/support/model_files.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace std::string_literals;
namespace fs = std::filesystem;

namespace {

using B = test::GgufBuilder;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

QString sentence_for(const fs::path& path) {
  return QString::fromStdString(test::error_of([&] { open_checkpoint(path); }));
}

std::string u16(unsigned value) { return {char(value & 255), char(value >> 8)}; }

// Part `index` of the tiny model in `count` parts; the first `in_first` tensors lie in the first, the others
// in the second part.
std::string gguf_part(unsigned index, unsigned count, unsigned in_first = 4) {
  B gguf;
  if (index == 0)
    gguf.number("llama.embedding_length", 8)
        .number("llama.feed_forward_length", 8)
        .number("llama.block_count", 1)
        .number("llama.attention.head_count", 2)
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf.text("general.architecture", "llama").raw("split.no", 2, u16(index)).raw("split.count", 2, u16(count));
  gguf.raw("split.tensors.count", 5, B::le32(11));
  unsigned number = 0;
  std::uint64_t offset = 0;
  const auto add = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    if ((number++ < in_first) != (index == 0)) return;
    gguf.tensor(name, shape, 0, offset);
    offset += 256;
  };
  add("token_embd.weight", {8, 4});
  for (const char* name : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"}) add(name + ".weight"s, {8});
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    add("blk.0."s + name + ".weight", {8, 8});
  std::string bytes = gguf.bytes(0);
  const std::size_t data = bytes.size();
  bytes.resize(data + 4096, '\0');
  const float value = index == 0 ? 1.5f : 2.5f; // the first number of each part
  std::memcpy(bytes.data() + data, &value, 4);
  return bytes;
}

} // namespace

class TestFilesPeopleHave : public QObject {
  Q_OBJECT

  QTemporaryDir dir_;
  int made_ = 0;
  fs::path new_folder() {
    const fs::path folder = fs::path(dir_.path().toStdString()) / std::to_string(made_++);
    fs::create_directory(folder);
    return folder;
  }
  fs::path new_model() {
    const fs::path folder = new_folder();
    test::write_tiny_model(folder);
    return folder;
  }

 private slots:
  void split_ggufs() {
    for (const unsigned in_first : {4u, 0u}) { // llama-gguf-split can leave the first part without tensors
      const fs::path folder = new_folder(), first = folder / "m-00001-of-00002.gguf",
                     second = folder / "m-00002-of-00002.gguf";
      test::write_file(first, gguf_part(0, 2, in_first));
      QVERIFY2(sentence_for(first).contains("m-00002-of-00002.gguf: is missing"),
               qPrintable(sentence_for(first)));
      test::write_file(second, gguf_part(1, 2, in_first));
      for (const fs::path& named : {first, second, folder}) {
        QCOMPARE(sentence_for(named), QString());
        const auto checkpoint = open_checkpoint(named);
        const char* of_second =
            in_first == 0 ? "model.embed_tokens.weight" : "model.layers.0.self_attn.v_proj.weight";
        if (in_first == 4) {
          QCOMPARE(checkpoint->read("model.embed_tokens.weight")[0], 1.5f);
          QCOMPARE(checkpoint->read("model.layers.0.self_attn.q_proj.weight")[0], 2.5f);
          QVERIFY(checkpoint->find(of_second)->file.find("00002-of") != std::string::npos);
        } else {
          QCOMPARE(checkpoint->read(of_second)[0], 2.5f);
        }
      }
      fs::rename(second, folder / "renamed.gguf");
      QVERIFY2(sentence_for(folder / "renamed.gguf").contains("part 2 of a model in 2 files"), "renamed");
      test::write_file(second, gguf_part(0, 2, in_first));
      QVERIFY2(sentence_for(first).contains("is not part 2 of 2"), qPrintable(sentence_for(first)));
    }
  }

  void ggufs_by_their_first_bytes() {
    const std::string good = test::tiny_gguf().bytes(test::tiny_gguf_data_bytes);
    const fs::path folder = new_folder();
    for (const char* name : {"sha256-0123abcd", "M.GGUF", "m.gguf", "weights.dat"}) {
      test::write_file(folder / name, good);
      QCOMPARE(sentence_for(folder / name), QString());
    }
    QVERIFY2(sentence_for(folder).contains("2 GGUF models"), qPrintable(sentence_for(folder)));
    const fs::path blob = new_folder();
    test::write_file(blob / "sha256-0123abcd", good);
    QCOMPARE(sentence_for(blob), QString());
    const fs::path beside = new_folder();
    test::write_file(beside / "m.gguf", good);
    test::write_file(beside / "config.json", "{\"model_type\":\"llama\"}");
    test::write_file(beside / "._m.gguf", "\0\5\x16\7"s + std::string(100, '\0'));
    test::write_file(beside / "mmproj-m.gguf", good);
    QCOMPARE(sentence_for(beside), QString());
  }

  void metadata_that_nobody_reads() {
    const auto opens = [&](const B& gguf) {
      const fs::path file = new_folder() / "m.gguf";
      test::write_file(file, gguf.bytes(test::tiny_gguf_data_bytes));
      const QString sentence = sentence_for(file);
      if (!sentence.isEmpty()) qWarning("%s", qPrintable(sentence));
      return sentence.isEmpty();
    };
    const std::string one = B::le32(4) + B::le64(1) + B::le32(7); // an array of one u32
    QVERIFY(opens(test::tiny_gguf().raw("a.nested", 9, B::le32(9) + B::le64(2) + one + one)));
    QVERIFY(opens(test::tiny_gguf().raw("a.largest", 10, B::le64(UINT64_MAX))));
    QVERIFY(opens(test::tiny_gguf().number("general.name", 7)));
    QVERIFY(opens(test::tiny_gguf().raw("llama.context_length", 10, B::le64(1ull << 40))));
    QVERIFY(opens(test::tiny_gguf().tensor("unused.new", {8}, 999, 0)));
    QVERIFY(opens(test::tiny_gguf().tensor("blk.7.attn_q.weight", {8}, 999, 0))); // beyond the blocks
    std::string deep;
    for (int i = 0; i < 64; ++i) deep += B::le32(9) + B::le64(1);
    QVERIFY(!opens(test::tiny_gguf().raw("a.deep", 9, deep + B::le32(4) + B::le64(0))));
  }

  // What llama.cpp computes with and the architecture does not know here is refused by its name, unless it
  // says "nothing".
  void metadata_that_changes_what_is_computed() {
    const auto sentence = [&](B gguf) {
      const fs::path file = new_folder() / "m.gguf";
      test::write_file(file, gguf.bytes(test::tiny_gguf_data_bytes));
      return sentence_for(file);
    };
    const QString keys = "logit_scale embedding_scale residual_scale attention.scale attention.clamp_kqv "
                         "attention.max_alibi_bias attention.output_scale attention.shared_kv_layers "
                         "attention.q_lora_rank attention.kv_lora_rank rope.scaling.alpha "
                         "leading_dense_block_count nextn_predict_layers full_attention_interval "
                         "embedding_length_per_layer_input altup.num_inputs n_deepstack_layers "
                         "interleave_moe_layer_step expert_shared_count expert_group_count "
                         "expert_gating_func expert_weights_scale rope.scaling.yarn_attn_factor";
    for (const QString& key : keys.split(' ')) {
      const QString found = sentence(test::tiny_gguf().real("llama." + key.toStdString(), 2.5f));
      QVERIFY2(found.contains(key), qPrintable(key + ": " + found));
    }
    for (const char* key : {"leading_dense_block_count", "expert_group_count", "expert_gating_func",
                            "expert_weights_scale", "rope.scaling.alpha"})
      QCOMPARE(sentence(test::tiny_gguf().number("llama."s + key, 0)), QString());
    QCOMPARE(sentence(test::tiny_gguf().real("llama.rope.scaling.yarn_attn_factor", 1)), QString());

    const auto with_window = [&](float own) {
      return sentence(
          test::tiny_gguf().real("llama.rope.freq_base", 500).real("llama.rope.freq_base_swa", own));
    };
    QCOMPARE(with_window(500), QString());
    QVERIFY(with_window(100).contains("rope.freq_base_swa"));
  }

  void tensors_of_types_that_are_needed() {
    for (const auto& [type, what] : {std::pair{41u, "ggml type 41 (Q1_0)"}, {99u, "ggml type 99"}}) {
      const fs::path file = new_folder() / "m.gguf";
      test::write_file(file, test::tiny_gguf().tensor("blk.0.attn_q_norm.weight", {8}, type, 0).bytes(4096));
      QVERIFY2(sentence_for(file).contains(what) && sentence_for(file).contains("attn_q_norm"),
               qPrintable(sentence_for(file)));
    }
  }

  void the_hub_cache() {
    const fs::path root = new_folder() / "models--a--b", blobs = root / "blobs",
                   snapshot = root / "snapshots" / "abc";
    fs::create_directories(blobs);
    fs::create_directories(snapshot);
    const fs::path model = new_model();
    int number = 0;
    for (const auto& entry : fs::directory_iterator(model)) {
      const fs::path blob = blobs / std::to_string(number++);
      fs::copy_file(entry.path(), blob);
      fs::create_symlink(fs::path("../../blobs") / blob.filename(), snapshot / entry.path().filename());
    }
    fs::create_directories(root / "snapshots" / "older");
    fs::create_directories(root / "refs");
    test::write_file(root / "refs" / "main", "abc\n");
    const fs::path weights = fs::canonical(snapshot / "model.safetensors");
    for (const fs::path& named : {root, snapshot, snapshot / "model.safetensors", weights})
      QCOMPARE(sentence_for(named), QString());
    fs::remove(weights);
    QVERIFY2(sentence_for(root).contains("is a link to a file that is not there"),
             qPrintable(sentence_for(root)));
  }

  void parts_of_safetensors() {
    const fs::path model = new_model();
    const auto with_index = [&](const std::string& file, const std::string& more) {
      const fs::path folder = new_folder();
      fs::copy_file(model / "config.json", folder / "config.json");
      fs::create_directories((folder / file).parent_path());
      fs::copy_file(model / "model.safetensors", folder / file);
      test::write_file(folder / "model.safetensors.index.json",
                       "{\"metadata\":null,\"weight_map\":{\"model.norm.weight\":\"" + file + "\"" + more +
                           "}}");
      return folder;
    };
    QCOMPARE(sentence_for(with_index("weights/part.safetensors", "")), QString());
    QCOMPARE(sentence_for(with_index("./part.safetensors", "")), QString());
    // A file for tensors that the model does without.
    QCOMPARE(sentence_for(with_index("part.safetensors", ",\"model.layers.9.x\":\"other.safetensors\"")),
             QString());
    QVERIFY(sentence_for(with_index("part.safetensors", ",\"x\":\"/etc/passwd\""))
                .contains("no plain file name"));

    const fs::path half = new_folder();
    fs::copy_file(model / "config.json", half / "config.json");
    fs::copy_file(test::tests_folder() / "golden/runtime/gqa/model.safetensors",
                  half / "model-00001-of-00002.safetensors");
    QVERIFY2(sentence_for(half).contains("model-00002-of-00002.safetensors: is missing"),
             qPrintable(sentence_for(half)));

    const fs::path numbered = new_folder();
    fs::copy_file(model / "config.json", numbered / "config.json");
    fs::copy_file(model / "model.safetensors", numbered / "model-00001-of-00001.safetensors");
    test::write_file(numbered / "._model-00001-of-00001.safetensors", "\0\5\x16\7"s + std::string(100, '\0'));
    test::write_file(numbered / "optimizer.safetensors", "nothing that anybody reads");
    QCOMPARE(sentence_for(numbered), QString());
    fs::copy_file(model / "model.safetensors", numbered / "pytorch_model.safetensors");
    QVERIFY2(sentence_for(numbered).contains("is stored twice"), qPrintable(sentence_for(numbered)));
  }

  void folders_that_hold_something_else_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("what");
    QTest::newRow("adapter") << "adapter_config.json"
                             << "holds an adapter";
    QTest::newRow("PyTorch") << "pytorch_model.bin"
                             << "PyTorch checkpoints";
    QTest::newRow("Meta's own") << "consolidated.00.pth"
                                << "PyTorch checkpoints";
    QTest::newRow("Mistral's own") << "consolidated.safetensors"
                                   << "consolidated.safetensors";
    QTest::newRow("unfinished") << "model.safetensors.incomplete"
                                << "not finished";
    QTest::newRow("unfinished GGUF") << "m.gguf.part"
                                     << "not finished";
    QTest::newRow("Flax") << "flax_model.msgpack"
                          << "Flax";
    QTest::newRow("TensorFlow") << "tf_model.h5"
                                << "TensorFlow";
    QTest::newRow("ONNX") << "model.onnx"
                          << "ONNX";
  }

  void folders_that_hold_something_else() {
    QFETCH(QString, file);
    QFETCH(QString, what);
    const fs::path model = new_model();
    for (const bool config : {true, false}) {
      const fs::path folder = new_folder();
      if (config) fs::copy_file(model / "config.json", folder / "config.json");
      test::write_file(folder / file.toStdString(),
                       "{\"base_model_name_or_path\":\"meta-llama/Llama-2-7b-hf\"}");
      const QString sentence = sentence_for(folder);
      QVERIFY2(sentence.contains(what) && sentence.startsWith(QString::fromStdString(folder)) &&
                   !sentence.contains('\n'),
               qPrintable(sentence));
      if (what == "holds an adapter") QVERIFY(sentence.contains("meta-llama/Llama-2-7b-hf"));
    }
  }

  void what_files_are_instead_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* name, const std::string& bytes, const char* what) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes) << what;
    };
    row("LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "Git-LFS pointer");
    row("web page", "<!doctype html><html><body>401</body></html>"s + std::string(100, ' '), "web page");
    row("web page, upper case", "\n  <HTML><BODY>Sign in</BODY></HTML>"s + std::string(100, ' '), "web page");
    row("zip", "PK\3\4"s + std::string(100, 'x'), "PyTorch");
    row("pickle", "\x80\2}q\1"s + std::string(100, 'x'), "PyTorch");
    row("old GGML", "tjgg\3\0\0\0"s + std::string(100, 'x'), "GGML file");
    row("gzip", "\x1f\x8b\x08"s + std::string(100, 'x'), "gzip");
    row("UTF-16", "\xff\xfe{\0\"\0a\0"s + std::string(100, 'x'), "UTF-16");
    row("UTF-16 without a mark", "{\0\"\0a\0\"\0"s + std::string(100, 'x'), "UTF-16");
    row("empty", "", "empty");
    row("zeros", std::string(5000, '\0'), "zeros");
    row("gated", "Access to model meta-llama/Llama-2 is restricted. You must be logged in"s, "restricted");
  }

  // The same sentence wherever such a file stands.
  void what_files_are_instead() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, what);
    for (const char* name : {"model.safetensors", "config.json", "tokenizer.json"}) {
      if (bytes.size() < 8 && name == "model.safetensors"s) continue; // "too short for a safetensors file"
      if (bytes.startsWith(QByteArray("\0\0\0", 3)) && name == "model.safetensors"s)
        continue; // an empty header
      const fs::path folder = new_model();
      test::write_file(folder / name, bytes.toStdString());
      const QString sentence =
          QString::fromStdString(test::error_of([&] { open_checkpoint(folder)->tokenizer(); }));
      QVERIFY2(sentence.contains(what) && sentence.contains(name) && !sentence.contains('\n'),
               qPrintable(sentence));
    }
    const fs::path spm = new_model();
    test::write_file(spm / "tokenizer.model", bytes.toStdString());
    const QString of_tokenizer =
        QString::fromStdString(test::error_of([&] { open_checkpoint(spm)->tokenizer(); }));
    QVERIFY2(of_tokenizer.contains(what) && of_tokenizer.contains("tokenizer.model"),
             qPrintable(of_tokenizer));
    const fs::path gguf = new_folder() / "m.gguf";
    test::write_file(gguf, bytes.toStdString());
    QVERIFY2(sentence_for(gguf).contains(what), qPrintable(sentence_for(gguf)));
  }

  void big_endian_ggufs() {
    const fs::path file = new_folder() / "m.gguf";
    test::write_file(file, "GGUF\0\0\0\3"s + std::string(100, '\0'));
    QVERIFY2(sentence_for(file).contains("big-endian"), qPrintable(sentence_for(file)));
  }

  // Python writes these; they matter only in a field that is read.
  void infinities_in_json() {
    const fs::path folder = new_model();
    std::string config = read_bytes(folder / "config.json");
    config.insert(config.rfind('}'),
                  ",\"unread\":[Infinity,-Infinity,NaN],\"text\":\"a \\\"NaN, Infinity\\\" b\"");
    test::write_file(folder / "config.json", config);
    QCOMPARE(sentence_for(folder), QString());
    QCOMPARE(parse_json("{\"a\":[Infinity,\"NaN\\\\\",NaN]}", "x").dump(),
             "{\"a\":[\"Infinity\",\"NaN\\\\\",\"NaN\"]}"s);
    config.insert(config.rfind('}'), ",\"rope_theta\":Infinity");
    test::write_file(folder / "config.json", config);
    QVERIFY2(sentence_for(folder).contains("\"rope_theta\""), qPrintable(sentence_for(folder)));
    QVERIFY(!test::error_of([] { parse_json("{\"a\":Infinit}", "x"); }).empty());
  }

  // What is odd in a tokenizer's files is a warning where the tokenizer can do without it.
  void odd_fields_of_a_tokenizer() {
    const fs::path folder = new_folder();
    test::write_tiny_model(folder, {.vocabulary = 256});
    test::write_tiny_tokenizer(folder, 256);
    test::write_file(folder / "special_tokens_map.json", "");
    test::write_file(
        folder / "tokenizer_config.json",
        "{\"bos_token\":false,\"eos_token\":[\"a\"],\"added_tokens_decoder\":{\"-1\":{\"content\":\"x\"}},"
        "\"chat_template\":{\"default\":\"one\",\"tool_use\":\"two\"}}");
    const TokenizerSpec spec = open_checkpoint(folder)->tokenizer().value();
    QCOMPARE(spec.chat_template, "one"s);
    QCOMPARE(spec.chat_templates.at("tool_use"), "two"s);
    QCOMPARE(spec.bos, -1);
    QStringList warnings;
    for (const std::string& warning : spec.warnings) warnings.append(QString::fromStdString(warning));
    QCOMPARE(warnings.size(), 3);
    for (const char* what : {"special_tokens_map.json", "\"eos_token\"", "\"-1\""})
      QVERIFY2(warnings.filter(what).size() == 1, what);
  }

  void without_a_decoder_tokens_are_words() { // as tokenizers joins them
    const fs::path folder = new_folder();
    test::write_file(
        folder / "tokenizer.json",
        "{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"model\":{\"type\":"
        "\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,\"b\":1}}}");
    const auto tokenizer = make_tokenizer(read_tokenizer(folder));
    QCOMPARE(tokenizer->decode(tokenizer->encode("b  a b"), false), "b a b"s);
    QCOMPARE(tokenizer->token_bytes(1), " b"s);
  }

  // As tokenizers: no token for what is unknown is an error where something is unknown.
  void unknown_characters_need_a_token() {
    for (const char* model : {"{\"type\":\"Unigram\",\"unk_id\":null,\"vocab\":[[\"a\",0.0]]}",
                              "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":{\"a\":0}}",
                              "{\"type\":\"WordLevel\",\"unk_token\":\"[UNK]\",\"vocab\":{\"a\":0}}"}) {
      const fs::path folder = new_folder();
      test::write_file(folder / "tokenizer.json", "{\"added_tokens\":[],\"model\":"s + model + "}");
      const auto tokenizer = make_tokenizer(read_tokenizer(folder));
      QCOMPARE(tokenizer->encode("a"), std::vector<int>{0});
      const QString sentence = QString::fromStdString(test::error_of([&] { tokenizer->encode("ab"); }));
      QVERIFY2(sentence.contains("no unknown token"), qPrintable(sentence));
    }
  }

  void a_tokenizer_beside_a_gguf_that_has_none() {
    const fs::path folder = new_folder();
    test::write_file(folder / "m.gguf", test::tiny_gguf().bytes(test::tiny_gguf_data_bytes));
    QVERIFY(!open_checkpoint(folder / "m.gguf")->tokenizer());
    test::write_file(folder / "tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,"
                                                "\"ab\":2},\"merges\":[\"a b\"]},\"added_tokens\":[]}");
    QCOMPARE(open_checkpoint(folder / "m.gguf")->tokenizer()->tokens.size(), std::size_t(3));
  }
};

QTEST_APPLESS_MAIN(TestFilesPeopleHave)
#include "test_files_people_have.moc"

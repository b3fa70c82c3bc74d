// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Broken and hostile model files: each is one line that names the file and what is wrong.
#include <fstream>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/base/random.h"
#include "core/checkpoint/checkpoint.h"
#include "tests/support/model_files.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

std::string sentence_for(const std::filesystem::path& path) {
  return test::error_of([&] { open_checkpoint(path); });
}

bool is_one_line_naming(const std::string& sentence, const std::string& file, const std::string& what) {
  const bool good = sentence.find(file) != std::string::npos && sentence.find(what) != std::string::npos &&
                    sentence.find('\n') == std::string::npos &&
                    sentence.find("unexpected") == std::string::npos;
  if (!good) qWarning("expected \"%s\" and \"%s\" in: %s", file.c_str(), what.c_str(), sentence.c_str());
  return good;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}";
}

} // namespace

class TestHostileFiles : public QObject {
  Q_OBJECT

  QTemporaryDir dir_;
  std::filesystem::path folder() const { return dir_.path().toStdString(); }

 private slots:
  void safetensors_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* name, const std::string& bytes, const char* what) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes) << what;
    };
    const auto file = [](const std::string& entries, std::size_t data = 16) {
      return test::safetensors_bytes("{" + entries + "}", data);
    };
    using B = test::GgufBuilder;
    row("empty", "", "too short");
    row("header longer than the file", B::le64(1000) + "{}", "header length 1000");
    row("header of 2^64-1", B::le64(UINT64_MAX) + "{}", "header length");
    row("no JSON", test::safetensors_bytes("{nonsense", 0), "not valid JSON");
    row("twin keys", file(entry("a", "F32", "[4]", "[0,16]") + "," + entry("a", "F32", "[4]", "[0,16]")),
        "\"a\" appears twice");
    row("deep JSON",
        test::safetensors_bytes("{\"a\":" + std::string(500, '[') + std::string(500, ']') + "}", 0),
        "nested deeper");
    row("unknown type", file(entry("a", "F6_E2M3", "[16]", "[0,16]")), "\"F6_E2M3\"");
    row("complex weights", file(entry("model.norm.weight", "C64", "[2]", "[0,16]")),
        "\"model.norm.weight\" has type C64");
    row("a complex table", file(entry("rope.freqs_cis", "C64", "[2]", "[0,16]")),
        "model.embed_tokens.weight");
    row("a complex table of another size", file(entry("rope.freqs_cis", "C64", "[4]", "[0,16]")),
        "shape and type");
    row("offsets past the end", file(entry("a", "F32", "[8]", "[0,32]")), "tensor \"a\"");
    row("offsets of 2^64-1", file(entry("a", "F32", "[4]", "[0,18446744073709551615]")), "tensor \"a\"");
    row("offsets backwards", file(entry("a", "F32", "[4]", "[16,0]")), "tensor \"a\"");
    row("negative offset", file(entry("a", "F32", "[4]", "[-4,12]")), "data_offsets");
    row("shape overflows", file(entry("a", "F32", "[4294967296,4294967296,4294967296]", "[0,16]")),
        "shape and type");
    row("shape does not match", file(entry("a", "F32", "[5]", "[0,16]")), "shape and type");
    row("fraction in a shape", file(entry("a", "F32", "[4.5]", "[0,16]")), "shape");
    row("overlap", file(entry("a", "F32", "[3]", "[0,12]") + "," + entry("b", "F32", "[2]", "[8,16]")),
        "overlaps");
    row("hole", file(entry("a", "F32", "[1]", "[0,4]") + "," + entry("b", "F32", "[2]", "[8,16]")), "hole");
    row("bytes left over", file(entry("a", "F32", "[1]", "[0,4]")), "belong to no tensor");
    row("tensors missing", file(entry("a", "F32", "[4]", "[0,16]")), "model.embed_tokens.weight");
  }

  void safetensors() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, what);
    std::filesystem::copy_file(test::tests_folder() / "golden/runtime/gqa/config.json",
                               folder() / "config.json", std::filesystem::copy_options::overwrite_existing);
    test::write_file(folder() / "model.safetensors", bytes.toStdString());
    QVERIFY(is_one_line_naming(sentence_for(folder()), dir_.path().toStdString(), what.toStdString()));
  }

  void gguf_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* name, const std::string& bytes, const char* what) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes) << what;
    };
    using B = test::GgufBuilder;
    row("no magic", "not a gguf file at all", "is no GGUF file");
    row("version 1", B(1).bytes(0), "version 1");
    B many;
    many.claimed_tensors = 1ull << 60;
    row("2^60 tensors", many.bytes(64), "more than the file holds");
    B keys;
    keys.claimed_keys = UINT64_MAX - 1;
    row("2^64-2 keys", keys.bytes(64), "more than the file holds");
    row("endless string", B().raw("a", 8, B::le64(UINT64_MAX)).bytes(0), "claims a length");
    row("endless array", B().raw("a", 9, B::le32(4) + B::le64(1ull << 61)).bytes(0), "metadata \"a\"");
    row("array of arrays that claims more than there is",
        B().raw("a", 9, B::le32(9) + B::le64(1) + B::le32(4) + B::le64(1ull << 40)).bytes(64),
        "metadata \"a\" claims");
    row("unknown value type", B().raw("a", 77, "").bytes(0), "unknown type 77");
    row("twin keys", B().number("a", 1).number("a", 2).bytes(0), "appears twice");
    row("unknown tensor type", test::tiny_gguf().tensor("blk.0.x.weight", {8}, 999, 0).bytes(4096),
        "ggml type 999");
    row("too many dimensions", B().tensor("x", {1, 1, 1, 1, 1, 1}, 0, 0).bytes(64), "6 dimensions");
    row("elements overflow", B().tensor("x", {1ull << 62, 1ull << 62}, 0, 0).bytes(64), "tensor \"x\"");
    row("offset past the end", B().tensor("x", {8}, 0, 1 << 20).bytes(64), "beyond the end");
    row("offset of 2^64-32", B().tensor("x", {8}, 0, UINT64_MAX - 31).bytes(64), "tensor \"x\"");
    row("offset not aligned", B().tensor("x", {8}, 0, 4).bytes(64), "not aligned");
    row("overlap", B().tensor("x", {16}, 0, 0).tensor("y", {8}, 0, 32).bytes(96), "overlap");
    row("broken block", B().tensor("x", {33}, 2, 0).bytes(4096), "does not fit its type");
    row("alignment of 3", B().number("general.alignment", 3).bytes(64), "no power of two");
    row("unknown architecture", B().text("general.architecture", "mamba").bytes(64), "mamba");
    row("a feature that llama models do not have",
        test::tiny_gguf().real("llama.attn_logit_softcapping", 30).bytes(4096),
        "llama.attn_logit_softcapping");
    row("attention both ways",
        test::tiny_gguf().raw("llama.attention.causal", 7, std::string(1, '\0')).bytes(4096),
        "llama.attention.causal");
    row("no heads",
        B().text("general.architecture", "llama").number("llama.attention.head_count", 0).bytes(64),
        "head_count");
    row("truncated", test::tiny_gguf().bytes(test::tiny_gguf_data_bytes).substr(0, 2200), "beyond the end");
    row("wrong shape",
        test::tiny_gguf()
            .number("llama.vocab_size", 9)
            .number("llama.attention.head_count_kv", 1)
            .bytes(test::tiny_gguf_data_bytes),
        "has shape");
  }

  void gguf() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, what);
    test::write_file(folder() / "model.gguf", bytes.toStdString());
    QVERIFY(is_one_line_naming(sentence_for(folder() / "model.gguf"), "model.gguf", what.toStdString()));
  }

  void the_tiny_gguf_itself_opens() {
    test::write_file(folder() / "good.gguf", test::tiny_gguf().bytes(test::tiny_gguf_data_bytes));
    QCOMPARE(sentence_for(folder() / "good.gguf"), std::string());
  }

  // Cut or damaged anywhere, a file opens or is refused; nothing crashes (run under the asan preset too).
  void damage_anywhere_is_survived() {
    const std::string good = test::tiny_gguf().bytes(test::tiny_gguf_data_bytes);
    for (std::size_t size = 0; size < 1200; size += 7) {
      test::write_file(folder() / "cut.gguf", good.substr(0, size));
      QVERIFY(is_one_line_naming(sentence_for(folder() / "cut.gguf"), "cut.gguf", ""));
    }
    Random random(5);
    const std::string safetensors = [&] {
      std::ifstream in(test::tests_folder() / "golden/runtime/gqa/model.safetensors", std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    for (int round = 0; round < 400; ++round) {
      std::string bytes = round % 2 ? good : safetensors;
      for (int flips = 0; flips < 4; ++flips)
        bytes[random.below(std::min<std::size_t>(bytes.size(), 2500))] ^= char(1 << random.below(8));
      const auto path = folder() / (round % 2 ? "flipped.gguf" : "model.safetensors");
      test::write_file(path, bytes);
      try {
        const auto checkpoint = open_checkpoint(path);
        for (const TensorInfo& tensor : checkpoint->tensors()) checkpoint->read(tensor.name);
      } catch (const std::exception& error) {
        QVERIFY(!QString(error.what()).contains('\n'));
      }
    }
  }

  void a_bias_that_would_be_dropped_is_refused() {
    const std::filesystem::path path = folder() / "bias.gguf";
    for (const char* lone :
         {"blk.0.attn_k.bias", "blk.0.attn_output.bias", "blk.0.ffn_up.bias", "blk.7.attn_q.bias"}) {
      test::write_file(path, test::tiny_gguf().tensor(lone, {8}, 0, 2048).bytes(test::tiny_gguf_data_bytes));
      QVERIFY(is_one_line_naming(sentence_for(path), "bias.gguf", "is a bias"));
    }
  }

  // Tensors beyond the graph are listed, so they can be read: their shapes are anyone's.
  void odd_tensors_beyond_the_graph_are_refused_on_read() {
    const std::filesystem::path path = folder() / "odd.gguf";
    const auto reading = [&](const std::vector<std::uint64_t>& shape, std::uint32_t type) {
      test::write_file(path, test::tiny_gguf()
                                 .tensor("blk.7.attn_q.weight", shape, type, 2048)
                                 .bytes(test::tiny_gguf_data_bytes));
      const auto checkpoint = open_checkpoint(path);
      return test::error_of([&] { checkpoint->read("model.layers.7.self_attn.q_proj.weight"); });
    };
    QVERIFY(is_one_line_naming(reading({8, 1}, 0), "odd.gguf", "1 rows"));
    QVERIFY(is_one_line_naming(reading({8, 6}, 0), "odd.gguf", "6 rows"));
    QVERIFY(is_one_line_naming(reading({3}, 0), "odd.gguf", "3 rows"));
    QCOMPARE(reading({8, 8}, 0), std::string());
    QCOMPARE(reading({32}, 8), std::string()); // Q8_0: a vector in one block
  }

  void names_cannot_break_the_line() {
    const std::filesystem::path path = folder() / "escape.gguf";
    test::write_file(path, test::GgufBuilder().tensor("x\n\x1b[31m", {8}, 0, 4).bytes(64));
    std::string sentence;
    try {
      open_checkpoint(path);
    } catch (...) {
      sentence = current_exception_sentence();
    }
    QVERIFY(is_one_line_naming(sentence, "escape.gguf", "x??[31m"));
  }

  void a_pipe_is_no_model_and_does_not_block() {
    const std::filesystem::path path = folder() / "pipe.gguf";
    QCOMPARE(mkfifo(path.c_str(), 0600), 0);
    QVERIFY(is_one_line_naming(sentence_for(path), "pipe.gguf", "not a regular file"));
  }

  void configs_data() {
    QTest::addColumn<QString>("field");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* field, const char* value, const char* what) {
      QTest::addRow("%s = %s", field, value) << field << value << what;
    };
    row("model_type", "'bert'", "bert");
    row("model_type", "7", "model_type");
    row("hidden_size", "0", "hidden_size");
    row("hidden_size", "-8", "hidden_size");
    row("hidden_size", "18446744073709551615", "hidden_size");
    row("num_hidden_layers", "1000000", "num_hidden_layers");
    row("num_key_value_heads", "4", "num_key_value_heads");
    row("head_dim", "7", "head_dim");
    row("hidden_act", "'gelu'", "gelu");
    row("vocab_size", "'many'", "vocab_size");
    row("rms_norm_eps", "-1", "rms_norm_eps");
    row("rope_parameters", "{'rope_type':'yarn'}", "yarn");
    row("rope_parameters", "{'rope_type':'linear','factor':0}", "factor");
    row("eos_token_id", "['x']", "eos_token_id");
  }

  void configs() {
    QFETCH(QString, field);
    QFETCH(QString, value);
    QFETCH(QString, what);
    Json config = read_json_file(test::tests_folder() / "golden/runtime/gqa/config.json");
    config[field.toStdString()] = Json::parse(value.replace('\'', '"').toStdString());
    test::write_file(folder() / "config.json", config.dump());
    QVERIFY(is_one_line_naming(sentence_for(folder() / "config.json"), "config.json", what.toStdString()));
  }

  void folders_that_hold_no_model() {
    QTemporaryDir empty;
    const std::filesystem::path path = empty.path().toStdString();
    QVERIFY(is_one_line_naming(sentence_for(path), path.string(), "no model"));
    QVERIFY(is_one_line_naming(sentence_for(path / "missing"), "missing", "no such file"));
    std::filesystem::copy_file(test::tests_folder() / "golden/runtime/gqa/config.json", path / "config.json");
    QVERIFY(is_one_line_naming(sentence_for(path), path.string(), "no .safetensors"));
    test::write_file(path / "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"../../etc/passwd\"}}");
    QVERIFY(is_one_line_naming(sentence_for(path), "index.json", "no plain file name"));
    std::filesystem::create_directory(path / "dir.gguf");
    QVERIFY(is_one_line_naming(sentence_for(path / "dir.gguf"), "dir.gguf", "no model"));
    test::write_file(path / "notes.txt", "hello");
    QVERIFY(is_one_line_naming(sentence_for(path / "notes.txt"), "notes.txt", "is no model"));
  }

  void a_tokenizer_of_another_model_is_refused() {
    QTemporaryDir copy;
    const std::filesystem::path path = copy.path().toStdString();
    std::filesystem::copy(test::tests_folder() / "golden/runtime/gqa", path,
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy_file(test::tests_folder() / "golden/tokenizers/gpt2/tokenizer.json",
                               path / "tokenizer.json");
    const auto checkpoint = open_checkpoint(path);
    QVERIFY(is_one_line_naming(test::error_of([&] { checkpoint->tokenizer(); }), "tokenizer.json",
                               "another model"));
  }

  void the_shared_random_gguf_opens() {
    INTARSIA_NEED_SHARED("models/gguf-tiny-random");
    const auto checkpoint =
        open_checkpoint(test::shared_folder() / "models/gguf-tiny-random/llama-2-tiny-random.gguf");
    QCOMPARE(checkpoint->kind(), std::string("GGUF v3"));
    QCOMPARE(checkpoint->tokenizer()->tokens.size(), std::size_t(32000));
  }
};

QTEST_APPLESS_MAIN(TestHostileFiles)
#include "test_hostile_files.moc"

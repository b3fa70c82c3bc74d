// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Broken and hostile models through the command line: one line that names the file and what is wrong in it,
// exit 1, nothing written.
#include <fstream>
#include <functional>
#include <set>

#include "core/base/json.h"
#include "core/checkpoint/checkpoint.h"
#include "tests/support/cli_json.h"
#include "tests/support/model_files.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_text(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = read_bytes(path);
  const auto found = text.find(from);
  if (found == std::string::npos) qFatal("the file has no %s", from.c_str());
  write_file(path, text.replace(found, from.size(), to));
}

// The safetensors header with an edit; data and length follow.
void edit_header(const fs::path& folder, const std::function<void(OrderedJson&)>& edit) {
  const std::string bytes = read_bytes(folder / "model.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  OrderedJson header = OrderedJson::parse(bytes.substr(8, length));
  edit(header);
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  write_file(folder / "model.safetensors", GgufBuilder::le64(text.size()) + text + bytes.substr(8 + length));
}

const std::string q_proj = "model.layers.0.self_attn.q_proj.weight";

} // namespace

using Breaker = std::function<fs::path(const fs::path&)>; // breaks the folder, returns the MODEL to name
Q_DECLARE_METATYPE(Breaker)

class TestBadModels : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path().toStdString()))
      names.insert(entry.path().string());
    return names;
  }

 private slots:
  void broken_models_data() {
    QTest::addColumn<Breaker>("breaker");
    QTest::addColumn<QStringList>("fragments");
    const auto row = [](const char* name, const QStringList& fragments, Breaker breaker) {
      QTest::newRow(name) << breaker << fragments;
    };
    const auto in_config = [&](const char* name, const QStringList& fragments, const std::string& from,
                               const std::string& to) {
      row(name, QStringList{"config.json"} + fragments, [=](const fs::path& folder) {
        replace_text(folder / "config.json", from, to);
        return folder;
      });
    };
    const auto in_header = [&](const char* name, const QStringList& fragments,
                               const std::function<void(OrderedJson&)>& edit) {
      row(name, QStringList{"model.safetensors"} + fragments, [=](const fs::path& folder) {
        edit_header(folder, edit);
        return folder;
      });
    };
    const auto raw_file = [&](const char* name, const QStringList& fragments, const std::string& bytes) {
      row(name, QStringList{"model.safetensors"} + fragments, [=](const fs::path& folder) {
        write_file(folder / "model.safetensors", bytes);
        return folder;
      });
    };
    row("no such model", {"missing", "no such"}, [](const fs::path& folder) { return folder / "missing"; });
    row("empty folder", {"empty", "no model"}, [](const fs::path& folder) {
      fs::create_directories(folder / "empty");
      return folder / "empty";
    });
    row("no weights", {".safetensors"}, [](const fs::path& folder) {
      fs::remove(folder / "model.safetensors");
      return folder;
    });
    row("a text file", {"notes.txt"}, [](const fs::path& folder) {
      write_file(folder / "notes.txt", "hello");
      return folder / "notes.txt";
    });
    in_config("unknown architecture", {"model_type", "llama"}, "\"llama\"", "\"mamba\"");
    in_config("field of another type", {"hidden_size"}, "\"hidden_size\": 24", "\"hidden_size\": \"24\"");
    in_config("size of nothing", {"num_attention_heads"}, "\"num_attention_heads\": 2",
              "\"num_attention_heads\": 0");
    in_config("huge size", {"vocab_size"}, "\"vocab_size\": 64", "\"vocab_size\": 18446744073709551615");
    in_config("duplicate key", {"hidden_size", "twice"}, "{", "{\"hidden_size\": 24,");
    in_config("no JSON", {"JSON"}, "{", "[");
    in_config("nested without end", {"nested"}, "{",
              "{\"x\":" + std::string(1000, '[') + std::string(1000, ']') + ",");
    row("another model's config", {"model.safetensors", "gate_proj", "[48, 24]"}, [](const fs::path& folder) {
      replace_text(folder / "config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 48");
      return folder;
    });
    row("missing tensor", {"/model:", QString::fromStdString(q_proj)}, [](const fs::path& folder) {
      edit_header(folder, [](OrderedJson& header) {
        header["other"] = header[q_proj];
        header.erase(q_proj);
      });
      return folder;
    });
    raw_file("empty file", {}, "");
    raw_file("length of 2^64-1", {}, std::string(8, '\xff') + "{}");
    raw_file("header cut off", {}, GgufBuilder::le64(100) + "{}");
    raw_file("header is not JSON", {"JSON"}, safetensors_bytes("garbage!", 0));
    in_header("wrong shape", {QString::fromStdString(q_proj)}, [](OrderedJson& header) {
      header[q_proj]["shape"] = {12, 48};
    });
    in_header("unknown type", {QString::fromStdString(q_proj), "F99"},
              [](OrderedJson& header) { header[q_proj]["dtype"] = "F99"; });
    in_header("offset past the end", {QString::fromStdString(q_proj)}, [](OrderedJson& header) {
      header[q_proj]["data_offsets"] = {0, UINT64_MAX};
    });
    in_header("shape that overflows", {QString::fromStdString(q_proj)}, [](OrderedJson& header) {
      header[q_proj]["shape"] = {UINT64_MAX, UINT64_MAX};
    });
    in_header("overlapping tensors", {}, [](OrderedJson& header) {
      header["model.layers.1.self_attn.q_proj.weight"]["data_offsets"] = header[q_proj]["data_offsets"];
    });
    row("cut off file", {"model.safetensors"}, [](const fs::path& folder) {
      fs::resize_file(folder / "model.safetensors", fs::file_size(folder / "model.safetensors") / 2);
      return folder;
    });
    row("hostile GGUF", {"model.gguf"}, [](const fs::path& folder) {
      GgufBuilder gguf = tiny_gguf();
      gguf.claimed_tensors = UINT64_MAX - 1;
      write_file(folder / "model.gguf", gguf.bytes(tiny_gguf_data_bytes));
      return folder / "model.gguf";
    });
    row("cut off GGUF", {"model.gguf"}, [](const fs::path& folder) {
      write_file(folder / "model.gguf", tiny_gguf().bytes(tiny_gguf_data_bytes).substr(0, 700));
      return folder / "model.gguf";
    });
    row("no GGUF", {"model.gguf"}, [](const fs::path& folder) {
      write_file(folder / "model.gguf", "GGUX and more bytes than a header has");
      return folder / "model.gguf";
    });
    row("tokenizer that doesn't match", {"tokenizer"}, [](const fs::path& folder) {
      fs::copy(resources_folder() / "demo-model" / "tokenizer.json",
               folder / "tokenizer.json"); // 1536 tokens, not 64
      return folder;
    });
    row("tokenizer that is none", {"tokenizer.json"}, [](const fs::path& folder) {
      write_file(folder / "tokenizer.json", "{\"model\": {\"type\": \"Unigram\"}}");
      return folder;
    });
  }

  void broken_models() {
    QFETCH(Breaker, breaker);
    QFETCH(QStringList, fragments);
    fs::remove_all(path("model"));
    write_tiny_model(path("model"));
    const QString model = text(breaker(path("model")));
    const auto before = files();
    QVERIFY(complains(run_cli({"inspect", model, "--json"}), 1, fragments));
    QVERIFY(complains(run_cli({"sensitivity", model, "-o", text(path("s.json"))}), 1, fragments));
    QVERIFY(files() == before);
  }

  void broken_inputs_data() {
    QTest::addColumn<QString>("verb");
    QTest::addColumn<QString>("content");
    QTest::addColumn<QStringList>("fragments");
    QTest::newRow("plan of another format") << "quantize"
                                            << R"({"format":"x","layers":{}})" << QStringList{"format"};
    QTest::newRow("plan without layers") << "quantize"
                                         << R"({"format":"intarsia-plan/1","layers":{}})"
                                         << QStringList{"model.layers.0.self_attn.q_proj", "missing"};
    QTest::newRow("plan of another model")
        << "quantize"
        << R"({"format":"intarsia-plan/1","layers":{"model.layers.9.x":{"quantizer":"nuq-3"}}})"
        << QStringList{"model.layers.9.x"};
    QTest::newRow("plan with an unknown quantizer")
        << "quantize"
        << R"({"format":"intarsia-plan/1","layers":{"model.layers.0.self_attn.q_proj":{"quantizer":"abc"}}})"
        << QStringList{"abc"};
    QTest::newRow("plan that is not JSON") << "quantize"
                                           << "nuq-3" << QStringList{"JSON"};
    QTest::newRow("sensitivity that is negative")
        << "allocate"
        << R"({"format":"intarsia-sensitivity/1","layers":{"model.layers.0.self_attn.q_proj":-1}})"
        << QStringList{"model.layers.0.self_attn.q_proj"};
    QTest::newRow("sensitivity without a layer")
        << "allocate"
        << R"({"format":"intarsia-sensitivity/1","layers":{}})" << QStringList{"model.layers.0"};
    QTest::newRow("sensitivity of another format") << "allocate"
                                                   << R"({"format":"x"})" << QStringList{"format"};
  }

  void broken_inputs() {
    QFETCH(QString, verb);
    QFETCH(QString, content);
    QFETCH(QStringList, fragments);
    fs::remove_all(path("model"));
    write_tiny_model(path("model"));
    write_file(path("in.json"), content.toStdString());
    const QString model = text(path("model")), in = text(path("in.json"));
    const auto before = files();
    const QStringList words = verb == "quantize"
                                  ? QStringList{"quantize", model, "--plan", in, "-o", text(path("out"))}
                                  : QStringList{"allocate",      model, "--memory", "3bpw",
                                                "--sensitivity", in,    "-o",       text(path("out.json"))};
    QVERIFY(complains(run_cli(words), 1, fragments));
    QVERIFY(files() == before);
  }

  // Says the smallest memory that can be met, and that very budget works.
  void a_budget_that_cannot_be_met() {
    fs::remove_all(path("model"));
    write_tiny_model(path("model"));
    OrderedJson layers;
    const auto checkpoint = open_checkpoint(path("model"));
    for (const LinearLayer& layer : checkpoint->graph().linears) layers[layer.name] = 0.1;
    write_file(path("s.json"), OrderedJson{{"format", "intarsia-sensitivity/1"}, {"layers", layers}}.dump());
    const auto allocate = [&](const QString& memory) {
      return run_cli({"allocate", text(path("model")), "--memory", memory, "--sensitivity",
                      text(path("s.json")), "-o", text(path("plan.json"))});
    };
    for (const char* budget : {"1B", "10KiB", "0.5bpw"}) {
      const CliResult result = allocate(budget);
      QVERIFY(complains(result, 1, {"memory budget", "needs"}));
      QVERIFY(!fs::exists(path("plan.json")));
    }
    const auto smallest =
        QRegularExpression("needs ([\\d.]+) bpw").match(QString::fromStdString(allocate("1bpw").err));
    QVERIFY(smallest.hasMatch());
    QCOMPARE(allocate(smallest.captured(1) + "bpw").exit_code, 0);
    QVERIFY(fs::exists(path("plan.json")));
  }
};

QTEST_GUILESS_MAIN(TestBadModels)
#include "test_bad_models.moc"

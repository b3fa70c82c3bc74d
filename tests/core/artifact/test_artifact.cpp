// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The artifact on disk: what goes in comes out, and nothing damaged is taken for whole.
#include <fstream>
#include <map>

#include <set>

#include "core/artifact/artifact.h"
#include "core/artifact/quantize_job.h"
#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/mapped_file.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/checkpoint/safetensors.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void flip_byte(const fs::path& path, std::size_t offset) {
  std::string bytes = read_bytes(path);
  bytes[offset] = char(bytes[offset] ^ 0x10);
  write_file(path, bytes);
}

void replace_text(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = read_bytes(path);
  const auto found = text.find(from);
  QVERIFY2(found != std::string::npos, from.c_str());
  write_file(path, text.replace(found, from.size(), to));
}

} // namespace

class TestArtifact : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }
  std::unique_ptr<Checkpoint> checkpoint_;
  Plan plan_;

  // A copy of the good artifact to damage.
  fs::path copy() const {
    fs::remove_all(path("copy"));
    fs::copy(path("good"), path("copy"));
    return path("copy");
  }
  std::string open_error(const fs::path& artifact) const {
    return error_of([&] { open_artifact(artifact); });
  }

 private slots:
  void initTestCase() {
    write_tiny_model(path("model"));
    checkpoint_ = open_checkpoint(path("model"));
    plan_ = mixed_plan(checkpoint_->graph());
    quantize_model(*checkpoint_, plan_, path("good"), {}, {});
  }

  void holds_what_quantization_gives() {
    const auto artifact = open_artifact(path("good"));
    std::uint64_t linear_bytes = 0;
    for (const LinearLayer& layer : checkpoint_->graph().linears) {
      std::vector<float> weights = checkpoint_->read(layer.name + ".weight");
      const auto rotation = std::make_shared<const Rotation>(layer.d_in, seed_for(1, layer.input));
      const QuantizerId id = plan_.layers.at(layer.name).quantizer;
      const QuantizedLinear expected =
          quantize_linear(weights, {layer.d_out, layer.d_in}, id, rotation, layer.name, {});
      const auto stored = std::get<QuantizedLinear>(artifact->linear(layer));
      QVERIFY(stored.quantizer == id);
      QVERIFY(stored.codes == expected.codes);
      QVERIFY(stored.row_scales == expected.row_scales);
      QCOMPARE(artifact->layer_distortion(layer.name), expected.distortion);
      QVERIFY(dequantize_linear(stored) == dequantize_linear(expected));
      linear_bytes += expected.code_and_scale_bytes();
    }
    QCOMPARE(artifact->linear_bytes(), linear_bytes);
    artifact->verify({});
  }

  void keeps_embeddings_head_and_norms() {
    const auto artifact = open_artifact(path("good"));
    const auto check = [&](const std::string& name, const std::vector<float>& stored) {
      const auto original = checkpoint_->read(name);
      QCOMPARE(stored.size(), original.size());
      for (std::size_t i = 0; i < stored.size(); ++i)
        QCOMPARE(stored[i], half_to_float(float_to_half(original[i])));
    };
    for (const LinearLayer* layer : artifact->graph().vocabulary_layers())
      check(layer->name + ".weight", dequantize_linear(std::get<QuantizedLinear>(artifact->linear(*layer))));
    for (const NormLayer& norm : artifact->graph().norms)
      QVERIFY(artifact->vector(norm.name + ".weight") == checkpoint_->read(norm.name + ".weight"));
  }

  void embeddings_and_head_may_be_quantized() {
    for (const bool tied : {false, true}) {
      const std::string name = tied ? "all-tied" : "all-untied";
      write_tiny_model(path(name.c_str()), {.tied = tied});
      const auto checkpoint = open_checkpoint(path(name.c_str()));
      Plan plan = mixed_plan(checkpoint->graph());
      plan.layers["model.embed_tokens"] = {parse_quantizer_id("tcq-4"), "cpu"};
      if (!tied) plan.layers["lm_head"] = {parse_quantizer_id("nuq-5"), "cpu"};
      quantize_model(*checkpoint, plan, path((name + "-small").c_str()), {}, {});
      const auto artifact = open_artifact(path((name + "-small").c_str()));
      artifact->verify({});
      QVERIFY(artifact->layer_distortion("model.embed_tokens") < 0.02);
      // The same model with every layer back in the original domain computes the same.
      CpuOptions exact;
      exact.activation_terms = 0;
      const auto coded = load_on_cpu(*artifact, exact, {});
      const auto dense = load_on_cpu(*dense_weights(*checkpoint), {}, {});
      for (const LinearLayer* layer : artifact->graph().all_layers())
        dense->replace_linear(
            layer->name, DenseLinear{{layer->d_out, layer->d_in},
                                     dequantize_linear(std::get<QuantizedLinear>(artifact->linear(*layer)))});
      const std::vector<int> tokens{1, 17, 63, 0, 5};
      const auto a = coded->new_sequence(8)->forward(tokens, false, {});
      const auto b = dense->new_sequence(8)->forward(tokens, false, {});
      for (std::size_t i = 0; i < a.size(); ++i) QVERIFY(std::abs(a[i] - b[i]) < 2e-4f);
    }
  }

  void is_strict_safetensors_and_aligned() {
    const MappedFile file(path("good") / "model.safetensors");
    const auto parsed =
        parse_safetensors(file.bytes(), "model.safetensors"); // checks that there are no holes
    QVERIFY(parsed.tensors.size() > 20);
    for (const auto& tensor : parsed.tensors) QCOMPARE(tensor.begin % block_bytes(tensor.dtype), 0u);
    for (const auto& entry : fs::directory_iterator(path("good"))) {
      const std::string name = entry.path().filename().string();
      QVERIFY2(
          (std::set<std::string>{"model.safetensors", "config.json", "plan.json", "artifact.json"}.contains(
              name)),
          name.c_str());
    }
  }

  void does_not_depend_on_threads_but_on_the_seed() {
    {
      const ThreadLimit one(1);
      quantize_model(*checkpoint_, plan_, path("one"), {}, {});
    }
    QVERIFY(read_bytes(path("one") / "model.safetensors") == read_bytes(path("good") / "model.safetensors"));
    QVERIFY(read_bytes(path("one") / "artifact.json") == read_bytes(path("good") / "artifact.json"));
    QuantizeOptions other;
    other.seed = 2;
    quantize_model(*checkpoint_, plan_, path("other"), other, {});
    QVERIFY(read_bytes(path("other") / "model.safetensors") !=
            read_bytes(path("good") / "model.safetensors"));
  }

  // Every byte of tensor data is under a checksum: one flip in each tensor is found and named.
  void verify_names_the_damaged_tensor() {
    const MappedFile file(path("good") / "model.safetensors");
    for (const auto& tensor : parse_safetensors(file.bytes(), "model.safetensors").tensors) {
      const fs::path damaged = copy();
      flip_byte(damaged / "model.safetensors", tensor.begin + (tensor.end - tensor.begin) / 2);
      const std::string error = error_of([&] { open_artifact(damaged)->verify({}); });
      QVERIFY2(error.find("model.safetensors") != std::string::npos &&
                   error.find(tensor.name) != std::string::npos,
               (tensor.name + ": " + error).c_str());
    }
  }

  void every_truncation_is_refused() {
    const std::string whole = read_bytes(path("good") / "model.safetensors");
    const fs::path damaged = copy();
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 50) {
      write_file(damaged / "model.safetensors", whole.substr(0, size));
      const std::string error = open_error(damaged);
      QVERIFY2(error.find("model.safetensors") != std::string::npos, error.c_str());
    }
  }

  // A flip anywhere in the header, or in a JSON file, ends in an Error or in a model that opens: never worse.
  void flipped_headers_and_json_are_survived() {
    for (const char* name : {"model.safetensors", "config.json", "plan.json", "artifact.json"}) {
      const std::string whole = read_bytes(path("good") / name);
      const std::size_t flips = std::min<std::size_t>(whole.size(), 3000);
      const fs::path damaged = copy();
      for (std::size_t i = 0; i < flips; i += 7) {
        std::string bytes = whole;
        bytes[i] = char(bytes[i] ^ (1 << (i % 8)));
        write_file(damaged / name, bytes);
        try {
          open_artifact(damaged);
          QVERIFY2(std::string(name) != "model.safetensors", "a flipped header was taken for whole");
        } catch (const Error&) {
        }
      }
    }
  }

  void broken_manifests_are_named_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("expected");
    QTest::newRow("format") << "artifact.json"
                            << "intarsia-artifact/2"
                            << "intarsia-artifact/9"
                            << "format";
    QTest::newRow("quantizer") << "artifact.json"
                               << "nuq-3"
                               << "nuq-4"
                               << "quantizer";
    QTest::newRow("distortion") << "artifact.json"
                                << "\"distortion\": 0"
                                << "\"distortion\": \"x\", \"y\": 0"
                                << "distortion";
    QTest::newRow("checksum") << "artifact.json"
                              << "model.norm.weight"
                              << "model.morn.weight"
                              << "model.norm.weight";
    QTest::newRow("plan") << "plan.json"
                          << "nuq-3"
                          << "nuq-4"
                          << "quantizer";
    QTest::newRow("config") << "config.json"
                            << "\"vocab_size\": 64"
                            << "\"vocab_size\": 63"
                            << "model.safetensors";
  }
  void broken_manifests_are_named() {
    QFETCH(QString, file);
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, expected);
    const fs::path damaged = copy();
    replace_text(damaged / file.toStdString(), from.toStdString(), to.toStdString());
    const std::string error = open_error(damaged);
    QVERIFY2(QString::fromStdString(error).contains(expected), error.c_str());
    QVERIFY2(error.find(damaged.string()) != std::string::npos, error.c_str());
  }

  void artifacts_of_the_first_format_say_what_to_do() {
    const fs::path artifact = copy();
    replace_text(artifact / "artifact.json", "intarsia-artifact/2", "intarsia-artifact/1");
    const std::string sentence = open_error(artifact);
    QVERIFY2(sentence.find("\"intarsia-artifact/1\"") != std::string::npos &&
                 sentence.find("quantize the model again") != std::string::npos,
             sentence.c_str());
  }

  void chat_templates_travel_inside() {
    const fs::path model = path("with-templates");
    TinyModel wide;
    wide.vocabulary = 256;
    write_tiny_model(model, wide);
    write_tiny_tokenizer(model, 256);
    write_file(model / "chat_template.json", R"({"chat_template":"{{ 'json' }}"})");
    fs::create_directory(model / "additional_chat_templates");
    write_file(model / "additional_chat_templates/tool_use.jinja", "{{ 'tools' }}");
    const auto checkpoint = open_checkpoint(model);
    quantize_model(*checkpoint, mixed_plan(checkpoint->graph()), path("templates"), {}, {});
    TokenizerSpec spec = open_artifact(path("templates"))->tokenizer().value();
    QCOMPARE(spec.chat_template, std::string("{{ 'json' }}"));
    QCOMPARE(spec.chat_templates.at("tool_use"), std::string("{{ 'tools' }}"));
    write_file(model / "chat_template.jinja", "{{ 'jinja' }}");
    quantize_model(*checkpoint, mixed_plan(checkpoint->graph()), path("jinja"), {}, {});
    QCOMPARE(open_artifact(path("jinja"))->tokenizer()->chat_template, std::string("{{ 'jinja' }}"));
  }

  void missing_files_are_named() {
    for (const char* name : {"model.safetensors", "config.json", "plan.json"}) {
      const fs::path damaged = copy();
      fs::remove(damaged / name);
      const std::string error = open_error(damaged);
      QVERIFY2(error.find(name) != std::string::npos, error.c_str());
    }
  }

  void tied_embeddings_have_no_head() {
    TinyModel tied;
    tied.tied = true;
    write_tiny_model(path("tied-model"), tied);
    const auto checkpoint = open_checkpoint(path("tied-model"));
    quantize_model(*checkpoint, mixed_plan(checkpoint->graph()), path("tied"), {}, {});
    const auto artifact = open_artifact(path("tied"));
    QVERIFY(!artifact->graph().head);
    artifact->verify({});
  }

  void a_codebook_of_another_version_is_refused() {
    const MappedFile file(path("good") / "model.safetensors");
    for (const auto& tensor : parse_safetensors(file.bytes(), "model.safetensors").tensors) {
      if (!tensor.name.starts_with("codebook.")) continue;
      const fs::path damaged = copy();
      flip_byte(damaged / "model.safetensors", tensor.begin);
      QVERIFY(open_error(damaged).find(tensor.name) != std::string::npos);
    }
  }
};

QTEST_GUILESS_MAIN(TestArtifact)
#include "test_artifact.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every verb in turn on the built-in model, by what it prints with --json and what it leaves on disk.
#include <cmath>
#include <fstream>

#include "core/artifact/artifact.h"
#include "core/base/random.h"
#include "core/sensitivity/sensitivity.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

class TestMainJob : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }
  QString model_ = text(resources_folder() / "demo-model");

  static bool has(const Json& json, std::initializer_list<const char*> keys) {
    for (const char* key : keys)
      if (!json.contains(key)) {
        qWarning("no key \"%s\"", key);
        return false;
      }
    return true;
  }

  // The verbs of later tests build on these.
  void allocate(const QString& budget, const char* out, const char* time_limit = "60") {
    const Json plan = run_json({"allocate", model_, "--memory", budget, "--sensitivity", text(path("s.json")),
                                "--time-limit", time_limit, "-o", text(path(out))});
    QVERIFY(has(plan,
                {"format", "model", "layers", "fusions", "budgets", "predicted", "solver", "shadow_prices"}));
  }

 private slots:
  // Spread over two decades, as in real models; estimating them is another test's.
  void initTestCase() {
    const auto checkpoint = open_checkpoint(resources_folder() / "demo-model");
    Random random(1);
    Sensitivity sensitivity{"demo-model", "data-free", 1, 1, 0, {}, {}, {}, false};
    for (const LinearLayer& layer : checkpoint->graph().linears)
      sensitivity.layers[layer.name] = std::pow(10, -3 + 2 * random.uniform());
    write_file(path("s.json"), to_json(sensitivity).dump());
  }

  void inspect() {
    const Json json = run_json({"inspect", model_});
    QVERIFY(has(json, {"path", "kind", "architecture", "layers", "fusion_groups", "f16_bytes", "tensors"}));
    QCOMPARE(json["layers"].size(), json["blocks"].get<std::size_t>() * 7);
    QVERIFY(run_cli({"inspect", model_}).out.find("llama") != std::string::npos);
    const Json bare = run_json({"inspect", model_ + "/config.json"});
    QCOMPARE(bare["has_weights"], Json(false));
    QCOMPARE(bare["layers"].size(), json["layers"].size());
  }

  void devices() {
    const Json json = run_json({"devices"});
    bool cpu = false;
    for (const Json& device : json["devices"]) {
      QVERIFY(
          has(device, {"id", "name", "memory_total", "memory_free", "bandwidth", "capability", "driver"}));
      cpu = cpu || device["id"] == "cpu";
    }
    QVERIFY(cpu);
  }

  void palette() {
    const Json known = run_json({"palette"}), measured = run_json({"palette", "--measure", "20000"});
    QVERIFY(known["quantizers"].size() >= 18); // NUQ 2…8, VQ 1.5…6, f16
    QCOMPARE(measured["quantizers"].size(), known["quantizers"].size());
    for (std::size_t i = 0; i < known["quantizers"].size(); ++i) {
      const Json& quantizer = known["quantizers"][i];
      QVERIFY(has(quantizer, {"id", "bits", "distortion", "bound", "gap_db"}));
      const double bits = quantizer["bits"], bound = quantizer["bound"], distortion = quantizer["distortion"];
      QVERIFY(std::abs(bound - std::exp2(-2 * bits)) < 1e-12);
      QVERIFY(distortion > bound);
      const double fresh = measured["quantizers"][i]["distortion"];
      QVERIFY2(std::abs(fresh / distortion - 1) < 0.15, quantizer["id"].get<std::string>().c_str());
    }
  }

  void sensitivity_data_free_and_on_text() {
    write_file(path("text.txt"), "What glue is right for wet places? Take polyurethane glue.");
    for (const QStringList& more : {QStringList{}, QStringList{"--text", text(path("text.txt"))}}) {
      const QStringList words{"sensitivity", model_, "--samples", "1", "-o", text(path("estimated.json"))};
      const Json json = run_json(words + more);
      QCOMPARE(json["format"], Json("intarsia-sensitivity/1"));
      QCOMPARE(json["method"], Json(more.isEmpty() ? "data-free" : "text"));
      QCOMPARE(json["layers"].size(), std::size_t(57)); // the tied embedding too
      for (const auto& [name, value] : json["layers"].items())
        QVERIFY2(value.get<double>() > 0, name.c_str());
      QVERIFY(read_sensitivity(path("estimated.json")).layers.size() == 57);
    }
  }

  void allocate_meets_its_budgets() {
    allocate("3bpw", "plan.json");
    const auto checkpoint = open_checkpoint(resources_folder() / "demo-model");
    const Plan plan = read_plan(path("plan.json"), checkpoint->graph());
    QVERIFY(plan.predicted.bits_per_weight <= 3 && plan.predicted.bits_per_weight > 2.9);
    QVERIFY(plan.solver.proven);
    allocate("26MiB", "bytes.json", "1"); // the program itself takes most of it
    QVERIFY(read_plan(path("bytes.json"), checkpoint->graph()).predicted.memory_bytes <= 26u << 20);
    allocate("40%", "part.json", "1");
  }

  void pins_and_families_are_obeyed() {
    const QString layer = "model.layers.3.mlp.down_proj";
    const Json plan = run_json({"allocate", model_, "--memory", "4bpw", "--sensitivity", text(path("s.json")),
                                "--pin", layer + "=nuq-8", "--only", "nuq", "-o", text(path("pinned.json"))});
    for (const auto& [name, entry] : plan["layers"].items())
      QVERIFY(entry["quantizer"].get<std::string>().starts_with("nuq-"));
    QCOMPARE(plan["layers"][layer.toStdString()]["quantizer"], Json("nuq-8"));
  }

  void planning_from_a_bare_config_equals_planning_from_the_folder() {
    const auto layers = [&](const QString& model) {
      return run_json({"allocate", model, "--memory", "3bpw", "--sensitivity", text(path("s.json")), "-o",
                       text(path("x.json"))})["layers"];
    };
    QVERIFY(layers(model_) == layers(model_ + "/config.json"));
  }

  void quantize_evaluate_chat() {
    allocate("4bpw", "plan4.json");
    const Json made =
        run_json({"quantize", model_, "--plan", text(path("plan4.json")), "-o", text(path("four"))});
    QVERIFY(has(made, {"artifact", "linear_bytes", "file_bytes", "layers"}));
    QCOMPARE(made["layers"].size(), std::size_t(56));
    const Json plan = read_json_file(path("plan4.json"));
    QCOMPARE(made["linear_bytes"], plan["predicted"]["linear_bytes"]);
    QCOMPARE(read_json_file(path("four") / "plan.json"), plan);
    const Json inspected = run_json({"inspect", text(path("four")), "--verify"});
    QCOMPARE(inspected["kind"], Json("artifact"));

    write_file(path("text.txt"),
               "<|begin|><|user|>Is ebony a hard wood?<|end|><|assistant|>With about 14000 newtons "
               "on the Janka scale, ebony is extremely hard.<|end|>");
    const Json score = run_json({"evaluate", text(path("four")), "--text", text(path("text.txt")),
                                 "--reference", model_, "--context", "64"});
    QVERIFY(has(score, {"perplexity", "kl_divergence", "top1_agreement", "reference", "context", "tokens"}));
    const double kl = score["kl_divergence"], perplexity = score["perplexity"];
    QVERIFY(kl > 0 && kl < 0.5);
    QVERIFY(perplexity > 1 && perplexity < 20);

    const QStringList ask{"chat", text(path("four")), "--prompt", "Is ebony a hard wood?", "--temperature",
                          "0"};
    const Json answer = run_json(ask);
    QVERIFY(answer["text"].get<std::string>().size() > 10);
    QCOMPARE(run_cli(ask).out, answer["text"].get<std::string>() + "\n"); // streamed text is the same
  }

  void an_artifact_cannot_be_quantized_again() {
    const QString four = text(path("four"));
    for (const QStringList& words :
         {QStringList{"allocate", four, "--memory", "3bpw", "-o", text(path("no.json"))},
          QStringList{"quantize", four, "--plan", text(path("plan4.json")), "-o", text(path("no"))}}) {
      const CliResult result = run_cli(words);
      QVERIFY(result.exit_code != 0);
      QVERIFY(result.err.find("quantized already") != std::string::npos);
    }
    QVERIFY(!fs::exists(path("no.json")) && !fs::exists(path("no")));
  }

  void a_conversation_comes_over_a_pipe() {
    QProcess process;
    process.start(INTARSIA_CLI, {"chat", text(path("four")), "--temperature", "0"});
    process.write("Is ebony a hard wood?\n\nAnd is oak?\n");
    process.closeWriteChannel();
    QVERIFY(process.waitForFinished(120000));
    QCOMPARE(process.exitCode(), 0);
    const QByteArray answers = process.readAllStandardOutput();
    QCOMPARE(answers.count('\n'), 2);
    const auto alone =
        run_cli({"chat", text(path("four")), "--temperature", "0", "--prompt", "Is ebony a hard wood?"});
    QVERIFY(answers.startsWith(QByteArray::fromStdString(alone.out)));
  }

  void a_seed_gives_the_same_answer() {
    const auto answer = [&](const char* seed) {
      return run_cli(
                 {"chat", model_, "--prompt", "Tell me about oak.", "--temperature", "1.5", "--seed", seed})
          .out;
    };
    QCOMPARE(answer("3"), answer("3"));
    QVERIFY(answer("3") != answer("4"));
  }

  void a_full_standard_output_is_an_error() {
    QProcess process;
    process.setStandardOutputFile("/dev/full");
    process.start(INTARSIA_CLI, {"palette", "--json"});
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 1);
    QVERIFY(process.readAllStandardError().contains("standard output"));
  }
};

QTEST_GUILESS_MAIN(TestMainJob)
#include "test_main_job.moc"

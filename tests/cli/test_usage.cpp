// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Bad usage exits 2 with one helpful line; help and version exit 0.
#include "tests/support/cli_json.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {
const QStringList verbs{"inspect",  "devices", "palette", "sensitivity", "allocate", "quantize",
                        "evaluate", "chat",    "serve",   "demo",        "selftest", "profile"};
}

class TestUsage : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

 private slots:
  void initTestCase() { write_tiny_model(path("model")); }

  void help_lists_every_verb() {
    for (const QStringList& words : {QStringList{"help"}, QStringList{"--help"}, QStringList{"-h"}}) {
      const CliResult result = run_cli(words);
      QCOMPARE(result.exit_code, 0);
      for (const QString& verb : verbs) QVERIFY(QString::fromStdString(result.out).contains("\n  " + verb));
    }
  }

  void every_verb_has_a_help_page() {
    for (const QString& verb : verbs) {
      const CliResult page = run_cli({verb, "--help"});
      QCOMPARE(page.exit_code, 0);
      QVERIFY(page.out.starts_with("usage: intarsia " + verb.toStdString()));
      QVERIFY(page.out.find("--json") != std::string::npos);
      QCOMPARE(run_cli({"help", verb}).out, page.out);
    }
  }

  void version() {
    const CliResult result = run_cli({"--version"});
    QCOMPARE(result.exit_code, 0);
    QVERIFY(QRegularExpression("^intarsia \\d+\\.\\d+\\.\\d+\n$")
                .match(QString::fromStdString(result.out))
                .hasMatch());
  }

  void no_verb() { QCOMPARE(run_cli({}).exit_code, 2); }

  void bad_usage_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QStringList>("fragments");
    const QString model = text(path("model")), out = text(path("out"));
    const auto row = [](const char* name, const QStringList& words, const QStringList& fragments) {
      QTest::newRow(name) << words << fragments;
    };
    row("unknown verb", {"quantise"}, {"quantise", "did you mean quantize"});
    row("unknown option", {"allocate", model, "--memry", "3bpw"}, {"--memry", "did you mean --memory"});
    row("no model", {"inspect"}, {"MODEL"});
    row("two models", {"inspect", model, "other"}, {"other"});
    row("operand without need", {"devices", "here"}, {"here"});
    row("no value at the end", {"allocate", model, "--memory"}, {"--memory", "needs a value"});
    row("an option as value", {"allocate", model, "--memory", "--json"}, {"--memory", "needs a value"});
    row("a value for a switch", {"inspect", model, "--json=yes"}, {"--json"});
    row("given twice", {"allocate", model, "--memory", "3bpw", "--memory", "4bpw"}, {"--memory", "twice"});
    row("no budget", {"allocate", model}, {"--memory", "--latency"});
    row("memory without unit", {"allocate", model, "--memory", "3"}, {"\"3\"", "GiB"});
    row("negative memory", {"allocate", model, "--memory", "-3bpw"}, {"-3bpw"});
    row("no number", {"allocate", model, "--memory", "nanGiB"}, {"nanGiB"});
    row("latency alone", {"allocate", model, "--latency", "6ms"}, {"--latency-table"});
    row("bad latency", {"allocate", model, "--latency", "6", "--latency-table", "x"}, {"\"6\""});
    row("pin without =", {"allocate", model, "--memory", "3bpw", "--pin", "q_proj"},
        {"--pin", "LAYER=QUANTIZER"});
    row("pin without meaning",
        {"allocate", model, "--memory", "3bpw", "--pin", "model.layers.0.mlp.up_proj=foo-3"}, {"foo-3"});
    row("unknown family", {"allocate", model, "--memory", "3bpw", "--only", "nuq,abc"}, {"abc", "nuq"});
    row("context of nothing", {"allocate", model, "--memory", "3bpw", "--context", "0"}, {"--context"});
    row("gap", {"allocate", model, "--memory", "3bpw", "--gap", "2"}, {"--gap"});
    row("threads", {"inspect", model, "--threads", "0"}, {"--threads"});
    row("device", {"evaluate", model, "--text", "x", "--device", "tpu:0"}, {"tpu:0", "cpu"});
    row("measure", {"palette", "--measure", "many"}, {"--measure", "many"});
    row("quantize without plan", {"quantize", model, "-o", out}, {"--plan"});
    row("quantize without out", {"quantize", model, "--plan", "p.json"}, {"-o"});
    row("evaluate without text", {"evaluate", model}, {"--text"});
    row("chat with --json alone", {"chat", model, "--json"}, {"--prompt"});
    row("temperature", {"chat", model, "--prompt", "x", "--temperature", "-1"}, {"--temperature"});
    row("top-p", {"chat", model, "--prompt", "x", "--top-p", "1.5"}, {"--top-p"});
    row("seed", {"chat", model, "--prompt", "x", "--seed", "0x1"}, {"--seed"});
    row("verify a checkpoint", {"inspect", model, "--verify"}, {"--verify"});
  }
  void bad_usage() {
    QFETCH(QStringList, words);
    QFETCH(QStringList, fragments);
    QVERIFY(complains(run_cli(words), 2, fragments));
    QVERIFY(!fs::exists(path("out")));
  }

  void planning_without_weights_needs_sensitivities() {
    QVERIFY(complains(run_cli({"allocate", text(path("model") / "config.json"), "--memory", "3bpw", "-o",
                               text(path("plan.json"))}),
                      2, {"--sensitivity", "config.json"}));
    QVERIFY(!fs::exists(path("plan.json")));
  }
};

QTEST_GUILESS_MAIN(TestUsage)
#include "test_usage.moc"

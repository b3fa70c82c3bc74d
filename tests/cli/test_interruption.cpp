// SPDX-License-Identifier: GPL-3.0-or-later
// The command line killed, stopped, and out of disk: never a broken result, and --resume goes on.
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

#include "core/checkpoint/checkpoint.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

class TestInterruption : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  QStringList quantize(const char* out) const {
    return {"quantize",      text(path("model")),    "--plan", text(path("plan.json")), "-o",
            text(path(out)), "--calibration-tokens", "1024"};
  }
  void verify_same(const char* out) const {
    for (const auto& entry : fs::directory_iterator(path("alone"))) {
      const std::string name = entry.path().filename().string();
      QVERIFY2(read_bytes(path(out) / name) == read_bytes(entry.path()), name.c_str());
    }
    const auto count = [](const fs::path& folder) {
      return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    };
    QCOMPARE(count(path(out)), count(path("alone")));
  }

 private slots:
  // Large enough that quantizing takes a good part of a second.
  void initTestCase() {
    TinyModel model;
    model.hidden = 384;
    model.intermediate = 768;
    model.blocks = 4;
    model.heads = 6;
    model.kv_heads = 2;
    write_tiny_model(path("model"), model);
    const auto checkpoint = open_checkpoint(path("model"));
    Plan plan = mixed_plan(checkpoint->graph());
    for (auto& [name, layer] : plan.layers) layer.quantizer = parse_quantizer_id("vq-5");
    write_file(path("plan.json"), to_json(plan).dump());
    QCOMPARE(run_cli(quantize("alone")).exit_code, 0);
  }

  // Killed later and later until it comes through, each time resumed.
  void kill_and_resume() {
    int kills = 0;
    for (int wait = 5;; wait += 60) {
      QProcess process;
      process.start(INTARSIA_CLI, quantize("killed") << "--resume");
      QVERIFY(process.waitForStarted());
      if (process.waitForFinished(wait)) {
        QCOMPARE(process.exitCode(), 0);
        break;
      }
      ::kill(pid_t(process.processId()), SIGKILL);
      process.waitForFinished();
      ++kills;
      if (fs::exists(path("killed"))) { // the kill came after the rename
        QVERIFY(run_cli({"inspect", text(path("killed")), "--verify"}).exit_code == 0);
        fs::remove(path("killed") / "journal");
        break;
      }
    }
    QVERIFY(kills > 0);
    verify_same("killed");
  }

  void control_c_leaves_what_resume_needs() {
    QProcess process;
    process.start(INTARSIA_CLI, quantize("stopped"));
    const fs::path journal = path("stopped.partial") / "journal";
    QVERIFY(QTest::qWaitFor([&] { return fs::exists(journal) || process.state() == QProcess::NotRunning; },
                            60000));
    ::kill(pid_t(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(60000));
    if (process.exitCode() != 0) { // else it was through before the signal came
      QCOMPARE(process.exitCode(), 1);
      QCOMPARE(process.readAllStandardError().count('\n'), 1);
      QVERIFY(!fs::exists(path("stopped")));
      QCOMPARE(run_cli(quantize("stopped") << "--resume").exit_code, 0);
    }
    verify_same("stopped");
  }

  void a_full_disk_is_one_line_and_can_be_resumed() {
    QProcess process;
    process.setChildProcessModifier([] {
      const rlimit limit{1 << 20, 1 << 20};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
    process.start(INTARSIA_CLI, quantize("full"));
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 1);
    const QByteArray error = process.readAllStandardError();
    QVERIFY2(error.contains("full.partial") && error.contains("cannot be written") && error.count('\n') == 1,
             error.constData());
    QVERIFY(!fs::exists(path("full")));
    QCOMPARE(run_cli(quantize("full") << "--resume").exit_code, 0);
    verify_same("full");
  }

  void an_output_file_on_a_full_disk_leaves_nothing() {
    QProcess process;
    process.setChildProcessModifier([] {
      const rlimit limit{16, 16};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
    OrderedJson layers;
    const auto checkpoint = open_checkpoint(path("model"));
    for (const LinearLayer& layer : checkpoint->graph().linears) layers[layer.name] = 0.1;
    write_file(path("in.json"), OrderedJson{{"format", "intarsia-sensitivity/1"}, {"layers", layers}}.dump());
    process.start(INTARSIA_CLI, {"allocate", text(path("model")), "--memory", "4bpw", "--time-limit", "0.2",
                                 "--sensitivity", text(path("in.json")), "-o", text(path("s.json"))});
    QVERIFY(process.waitForFinished(120000));
    QCOMPARE(process.exitCode(), 1);
    const QByteArray error = process.readAllStandardError();
    QVERIFY2(error.contains("s.json") && error.contains("cannot be written"), error.constData());
    for (const auto& entry : fs::directory_iterator(folder_.path().toStdString()))
      QVERIFY2(!entry.path().filename().string().starts_with("s.json"), entry.path().c_str());
  }

  // An existing file stays as it was when the run that would replace it fails.
  void a_failed_run_keeps_the_old_output() {
    write_file(path("old.json"), "old");
    const CliResult result = run_cli({"allocate", text(path("model")), "--memory", "1KiB", "--sensitivity",
                                      text(path("missing.json")), "-o", text(path("old.json"))});
    QVERIFY(complains(result, 1, {"missing.json"}));
    QCOMPARE(read_bytes(path("old.json")), std::string("old"));
  }

  // Ctrl-C between the answers of a conversation ends it.
  void control_c_ends_a_waiting_conversation() {
    QProcess process;
    process.start(INTARSIA_CLI, {"chat", text(resources_folder() / "demo-model"), "--temperature", "0"});
    process.write("Is ebony a hard wood?\n");
    QVERIFY(QTest::qWaitFor(
        [&] { return process.bytesAvailable() > 0 && process.peek(1 << 16).endsWith('\n'); }, 60000));
    ::kill(pid_t(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
  }
};

QTEST_GUILESS_MAIN(TestInterruption)
#include "test_interruption.moc"

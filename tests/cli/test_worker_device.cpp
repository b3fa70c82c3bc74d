// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The verbs whose device is behind a worker, and what is said where that does not work.
#include <set>

#include "core/base/mapped_file.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

class TestWorkerDevice : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }
  const QString model_ = text(resources_folder() / "demo-model");
  const QString heldout_ = model_ + "/heldout.txt";

  // The same words, with the CPU in this process and in a worker.
  template <typename Run>
  void both_ways(Run run) {
    const auto here = run();
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    const auto there = run();
    qunsetenv("INTARSIA_CPU_IN_WORKER");
    QVERIFY(here == there);
  }

 private slots:
  void cleanup() {
    for (const char* name : {"INTARSIA_CPU_IN_WORKER", "INTARSIA_WORKER"}) qunsetenv(name);
  }

  void chat_answers_the_same() {
    both_ways([&] {
      const CliResult result = run_cli({"chat", model_, "--prompt", "Is ebony a hard wood?", "--seed", "3"});
      return std::pair(result.exit_code, result.out);
    });
  }

  void what_the_worker_notes_is_shown() {
    const fs::path program = path("noting");
    write_file(program,
               std::string("#!/bin/sh\n") + INTARSIA_WORKER +
                   " | sed -u 's/\"result\":{\"model\":/\"result\":{\"note\":\"no cuBLAS\",\"model\":/'\n");
    fs::permissions(program, fs::perms::owner_all);
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    const QStringList chat{"chat", model_, "--prompt", "Is ebony a hard wood?", "--seed", "3"};
    const CliResult without = run_cli(chat);
    qputenv("INTARSIA_WORKER", QByteArray::fromStdString(program.string()));
    const CliResult with = run_cli(chat);
    QCOMPARE(with.exit_code, 0);
    QCOMPARE(with.out, without.out);
    QVERIFY2(with.err.find("intarsia: cpu: no cuBLAS\n") != std::string::npos, with.err.c_str());
    QVERIFY(without.err.find("cuBLAS") == std::string::npos);
  }

  void evaluate_measures_the_same() {
    both_ways([&] {
      Json json = run_json({"evaluate", model_, "--text", heldout_, "--reference", model_, "--threads", "1"});
      const bool measured = json["memory"]["peak_bytes"].get<double>() > 1e6; // of whichever process ran it
      json.erase("memory");
      json.erase("seconds");
      return json.dump() + (measured ? "" : " and no peak");
    });
  }

  // Also where `allocate` estimates it by itself; both are kept beside the model.
  void a_sensitivity_is_the_same() {
    write_tiny_model(path("tiny"), {});
    int run = 0;
    both_ways([&] {
      const fs::path folder = path(("sensitivity" + std::to_string(run++)).c_str());
      fs::copy(path("tiny"), folder); // which has no sensitivity beside it
      Json json = run_json({"sensitivity", text(folder), "--samples", "2", "-o", text(path("s.json"))});
      json.erase("seconds");
      const Json plan = run_json({"allocate", text(folder), "--memory", "3bpw", "-o", text(path("p.json"))});
      const auto kept =
          std::count_if(fs::directory_iterator(folder), fs::directory_iterator(), [](const auto& entry) {
            return entry.path().filename().string().starts_with("intarsia-sensitivity");
          });
      return json["layers"].dump() + plan["layers"].dump() + plan["predicted"]["loss"].dump() +
             std::to_string(kept);
    });
  }

  void quantize_writes_the_same() {
    QCOMPARE(
        run_cli({"allocate", model_, "--memory", "2.5bpw", "--only", "nuq,vq", "-o", text(path("plan.json"))})
            .exit_code,
        0);
    int run = 0;
    std::set<Json> predicted;
    both_ways([&] {
      const fs::path out = path(("out" + std::to_string(run++)).c_str());
      const Json json = run_json({"quantize", model_, "--plan", text(path("plan.json")), "-o", text(out)});
      const Json chat = run_json({"chat", text(out), "--prompt", "Oak?", "--max-tokens", "4"});
      predicted.insert(chat["memory"]["predicted_bytes"]);
      if (chat["memory"]["peak_bytes"].get<double>() < 1e6) qWarning("no peak: %s", chat.dump().c_str());
      return read_text_file(out / "model.safetensors") + std::to_string(json["layers"].size());
    });
    QVERIFY(predicted.size() == 1 && predicted.begin()->is_number());
  }

  void a_gpu_that_is_not_there_is_one_line() {
    for (const char* verb : {"chat", "evaluate"}) {
      QStringList words{verb, model_, "--device", "cuda:77"};
      words << (QString(verb) == "chat" ? "--prompt" : "--text") << heldout_;
      QVERIFY(complains(run_cli(words), 1, {"cuda:77", "cpu"}));
    }
    QVERIFY(
        complains(run_cli({"chat", model_, "--prompt", "x", "--device", "cuda:x"}), 2, {"cuda:x", "cpu"}));
  }

  void a_worker_that_cannot_start_or_ends_is_one_line() {
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    const QStringList chat{"chat", model_, "--prompt", "x"};
    qputenv("INTARSIA_WORKER", "/nowhere/worker");
    QVERIFY(complains(run_cli(chat), 1, {"/nowhere/worker", "cannot be started"}));
    qputenv("INTARSIA_WORKER", "/bin/false");
    QVERIFY(complains(run_cli(chat), 1, {"\"load\"", "exit code 1"}));
    qputenv("INTARSIA_WORKER", "/bin/cat");
    QVERIFY(complains(run_cli(chat), 1, {"/bin/cat", "not an intarsia-worker"}));
  }
};

QTEST_GUILESS_MAIN(TestWorkerDevice)
#include "test_worker_device.moc"

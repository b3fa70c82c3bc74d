// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// tests/gpu/steps.sh, which runs the GPU checks: whatever fails, hangs or is killed, what was found so far is
// kept.
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <csignal>

#include "tests/support/test_support.h"

using namespace intarsia::test;
namespace fs = std::filesystem;

class TestGpuSteps : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  QString path(const QString& name) const { return folder_.filePath(name); }

  // A script of steps: name, seconds, what it does.
  struct Step {
    QString name, seconds, body;
  };
  QString script(const QList<Step>& steps) const {
    QString text =
                "#!/bin/sh\n. " + QString::fromStdString((tests_folder() / "gpu/steps.sh").string()) + "\n",
            list;
    for (const Step& step : steps) {
      text += "step_" + QString(step.name).replace('-', '_') + "() {\n" + step.body + "\n}\n";
      list += step.name + " " + step.seconds + "\n";
    }
    write_file(path("steps").toStdString(),
               (text + "steps_main \"$@\" <<'LIST'\n" + list + "LIST\n").toStdString());
    return path("steps");
  }

  static QString content(const QString& name) {
    QFile file(name);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
  }
  QStringList summary() const { return content(path("out/summary.txt")).split('\n', Qt::SkipEmptyParts); }
  static QString verdict(const QString& line) { return line.simplified().section(' ', 1, 1); }

  // What results.tgz holds under this name; null where it is not a whole archive.
  QByteArray kept(const QString& name) const {
    QProcess tar;
    tar.start("tar", {"-xzOf", path("out/results.tgz"), "./" + name});
    return tar.waitForFinished() && tar.exitCode() == 0 ? tar.readAllStandardOutput() : QByteArray();
  }

  // The steps and how long they may take in all.
  int run(const QString& program, const QString& seconds = "60") {
    QProcess process;
    process.start("sh", {program, path("out"), seconds});
    return process.waitForFinished(60000) ? process.exitCode() : -1;
  }
  // Ends the whole with `signal` while its step `index` runs.
  void stop_at(const QString& program, qsizetype index, int signal) {
    QProcess process;
    process.start("sh", {program, path("out"), "60"});
    QVERIFY(process.waitForStarted());
    QElapsedTimer since;
    since.start();
    while ((summary().size() < index || !QFile::exists(path("running"))) && since.elapsed() < 30000)
      QTest::qWait(20);
    ::kill(pid_t(process.processId()), signal);
    QVERIFY(process.waitForFinished(10000));
  }

  static void play(const fs::path& program, const std::string& body) {
    write_file(program, "#!/bin/sh\n" + body + "\n");
    fs::permissions(program, fs::perms::owner_all);
  }
  // With PLAYED_WRONG in the environment a kernel is wrong, tokens differ, and a sanitizer finds an error.
  static void play_packed_folder(const fs::path& packed, const fs::path& tools) {
    for (const char* folder : {"bin", "share/intarsia/demo-model", "models/llama-3.1-8b"})
      fs::create_directories(packed / folder);
    fs::create_directories(tools);
    write_file(packed / "share/intarsia/demo-model/heldout.txt", "text");
    for (const char* name : {"run-packed.sh", "steps.sh"})
      fs::copy_file(tests_folder() / "gpu" / name, packed / name);
    play(packed / "bin/intarsia", R"sh(case "$1 $*" in
"selftest "*json*) [ "$PLAYED_WRONG" ] && ok=false || ok=true
  printf '{\n  "kernels": [\n    {\n      "kernel": "a",\n      "ok": true\n    },\n'
  printf '    {\n      "kernel": "b",\n      "ok": %s\n    }\n  ]\n}\n' $ok
  [ $ok = true ] ;;
"evaluate "*) printf '{\n  "perplexity": 1.5,\n  "predicted_bytes": 100,\n  "peak_bytes": 80\n}\n' ;;
"chat "*cuda*) echo "It is$PLAYED_WRONG." ;;
"chat "*) echo "It is." ;;
*) echo done ;;
esac)sh");
    play(packed / "bin/gpu_bench_linears", R"sh(case "$*" in
*--once*) printf '"0","%s","1"\n' trellis_group linear_group ;;
*) printf '{"copy_bytes_per_second": 4e12, "rows": [\n'
   printf '  {"layer": "gate+up", "quantizer": "tcq-3", "kernel": "tensor-core", "batch": 1, "ratio": 0.81}\n]}\n' ;;
esac)sh");
    for (const char* name : {"gpu_bench_encode", "gpu_bench_attention"})
      play(packed / "bin" / name, "echo done");
    play(tools / "nvidia-smi", "echo a card");
    play(tools / "ldd", "echo 'libc.so.6 => /lib/libc.so.6 (0x1)'");
    play(tools / "ncu", R"sh(while [ "${1##*/}" != gpu_bench_linears ]; do shift; done
exec "$@")sh");
    play(tools / "compute-sanitizer", R"sh([ "$PLAYED_WRONG" ] && count=3 || count=0
while [ "$1" != --log-file ]; do shift; done
echo "========= ERROR SUMMARY: $count errors" >"$2")sh");
  }

 private slots:
  void init() {
    fs::remove_all(path("out").toStdString());
    QFile::remove(path("running"));
  }

  void a_failed_step_stops_no_other() {
    const QString program = script({{"first", "5", "echo one; echo two"},
                                    {"goes-wrong", "5", "echo out; echo 'the reason' >&2; exit 3"},
                                    {"is-killed", "5", "kill -9 $$"},
                                    {"hangs", "1", "echo so far >\"$DETAILS/part\"; sleep 20"},
                                    {"last", "5", "echo done"}});
    QCOMPARE(run(program), 1);
    const QStringList lines = summary();
    QCOMPARE(lines.size(), 5);
    QStringList verdicts;
    for (const QString& line : lines) verdicts << verdict(line);
    QCOMPARE(verdicts, QStringList({"ok", "FAILED", "KILLED", "TIMEOUT", "ok"}));
    QVERIFY(lines[0].endsWith("  two") && lines[1].endsWith("  the reason") && lines[4].endsWith("  done"));
    QCOMPARE(kept("first.out"), QByteArray("one\ntwo\n"));
    QCOMPARE(kept("part"), QByteArray("so far\n"));
    QCOMPARE(kept("summary.txt"), content(path("out/summary.txt")).toUtf8());
    QCOMPARE(run(script({{"first", "5", "true"}})), 0);
  }

  void killed_at_any_step_data() {
    QTest::addColumn<int>("step");
    for (const int step : {0, 1, 2, 3}) QTest::addRow("%d", step) << step;
  }
  void killed_at_any_step() {
    QFETCH(int, step);
    QList<Step> steps;
    for (int i = 0; i < 4; ++i)
      steps << Step{QString("step%1").arg(i), "20",
                    i == step ? "touch " + path("running") + "; sleep 2" : QString("echo word%1").arg(i)};
    stop_at(script(steps), step, SIGKILL);
    QCOMPARE(summary().size(), step);
    QCOMPARE(kept("summary.txt"), content(path("out/summary.txt")).toUtf8());
    for (int i = 0; i < step; ++i)
      QCOMPARE(kept(QString("step%1.out").arg(i)), QString("word%1\n").arg(i).toUtf8());
  }

  void asked_to_end_it_says_where() {
    const QString program = script({{"first", "5", "echo one"},
                                    {"second", "20", "echo begun; touch " + path("running") + "; sleep 20"},
                                    {"third", "5", "echo three"}});
    stop_at(program, 1, SIGTERM);
    QCOMPARE(summary().size(), 2);
    QCOMPARE(verdict(summary()[1]), QString("STOPPED"));
    QCOMPARE(kept("second.out"), QByteArray("begun\n"));
  }

  // The real steps over programs and tools that are played: what they print is read, and each verdict follows
  // it.
  void the_real_steps_read_what_programs_print() {
    const fs::path packed = path("packed").toStdString(), tools = path("tools").toStdString();
    play_packed_folder(packed, tools);
    const QByteArray before = qgetenv("PATH");
    qputenv("PATH", QByteArray::fromStdString(tools.string()) + ":" + before);
    const int good = run(QString::fromStdString((packed / "run-packed.sh").string()));
    const QStringList all_well = summary();
    qputenv("PLAYED_WRONG", "1");
    const int bad = run(QString::fromStdString((packed / "run-packed.sh").string()));
    const QStringList wrong = summary();
    qunsetenv("PLAYED_WRONG");
    qputenv("PATH", before);
    QVERIFY(all_well.size() >= 18 && wrong.size() == all_well.size());
    for (const QString& line : all_well) QVERIFY2(verdict(line) == "ok", qPrintable(line));
    QCOMPARE(good, 0);
    const QString text = all_well.join('\n');
    for (const char* fact : {"2 kernels, wrong: 0", "perplexity 1.5", "tcq-3 gate+up at batch 1: 0.81",
                             "predicted 100 bytes, measured 80: 1.25", "2 launches are counted"})
      QVERIFY2(text.contains(fact), fact);
    QCOMPARE(bad, 1);
    for (const QString& line : wrong)
      if (line.startsWith("selftest ") || line.startsWith("same-tokens ") || line.startsWith("memcheck "))
        QVERIFY2(verdict(line) == "FAILED", qPrintable(line));
  }

  void what_no_time_is_left_for_is_said() {
    const QString program = script({{"first", "9", "sleep 20"}, {"second", "5", "echo two"}});
    QCOMPARE(run(program, "3"), 1);
    QCOMPARE(verdict(summary()[0]), QString("TIMEOUT"));
    QVERIFY2(summary()[1].contains("no time was left"), qPrintable(summary()[1]));
  }
};

QTEST_GUILESS_MAIN(TestGpuSteps)
#include "test_gpu_steps.moc"

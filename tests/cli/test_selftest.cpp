// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/json.h"
#include "core/tensor/kernel_check.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

class TestSelftest : public QObject {
  Q_OBJECT
 private slots:
  void the_cpu_computes_rightly() {
    for (const KernelCheck& check : check_cpu_kernels(7, 20)) {
      const std::string said = check.kernel + ": " + std::to_string(check.worst);
      QVERIFY2(check.ok() && check.cases == 20, said.c_str());
    }
  }

  void a_check_that_fails() {
    QVERIFY(!(KernelCheck{"k", 1, 0.2, 0.1, {}}.ok()));
    QVERIFY(!(KernelCheck{"k", 1, 0, 0.1, "it wrote beyond its output"}.ok()));
  }

  void the_verb_says_what_it_tests() {
    const CliResult text = run_cli({"selftest", "--device", "cpu", "--seed", "1"});
    QCOMPARE(text.exit_code, 0);
    QVERIFY(text.out.starts_with("No GPU is tested") && text.out.find("dot_half") != std::string::npos);
    const CliResult result = run_cli({"selftest", "--device", "cpu", "--seed", "1", "--json"});
    const Json json = parse_json(result.out, "the output");
    QVERIFY(json["ok"].get<bool>() && json["kernels"].size() == 6 && json["seed"] == 1);
  }

  void real_shapes_need_a_gpu() {
    const CliResult result = run_cli({"selftest", "--device", "cpu", "--real-shapes"});
    QCOMPARE(result.exit_code, 2);
    QVERIFY2(result.err.find("on a GPU only") != std::string::npos, result.err.c_str());
  }

  void in_a_worker_it_is_the_same() {
    const auto at_home = run_cli({"selftest", "--device", "cpu", "--seed", "1", "--json"}).out;
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    qputenv("INTARSIA_WORKER", INTARSIA_WORKER);
    const CliResult there = run_cli({"selftest", "--device", "cpu", "--seed", "1", "--json"});
    qunsetenv("INTARSIA_CPU_IN_WORKER");
    QCOMPARE(there.out, at_home);
  }
};

QTEST_GUILESS_MAIN(TestSelftest)
#include "test_selftest.moc"

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/support/cli_json.h"

using namespace intarsia;
using namespace intarsia::test;

class TestDemo : public QObject {
  Q_OBJECT

 private slots:
  void tells_the_whole_story() {
    const Json demo = run_json({"demo"});
    for (const char* key : {"model", "device", "f16_perplexity", "plan", "bytes_before", "bytes_after",
                            "perplexity_4_bits", "perplexity_2_bits", "chat"})
      QVERIFY2(demo.contains(key), key);
    const double f16 = demo["f16_perplexity"], four = demo["perplexity_4_bits"],
                 two = demo["perplexity_2_bits"];
    QVERIFY(f16 > 1);
    QVERIFY2(four < f16 * 1.02, "4 bits hardly hurts");
    QVERIFY2(two > f16 * 1.01 && two > four * 1.008, "2 bits hurts visibly");
    QVERIFY(demo["bytes_after"].get<double>() < 0.5 * demo["bytes_before"].get<double>());
    QCOMPARE(demo["plan"].size(), std::size_t(56));
    QVERIFY(demo["chat"]["answer"].get<std::string>().size() > 20);
  }
};

QTEST_GUILESS_MAIN(TestDemo)
#include "test_demo_slow.moc"

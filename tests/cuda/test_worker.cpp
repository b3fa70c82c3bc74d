// SPDX-License-Identifier: GPL-3.0-or-later
// The worker's pipes, with and without a GPU.
#include <QProcess>
#include <nlohmann/json.hpp>

#include "tests/support/test_support.h"

using nlohmann::json;

namespace {

std::vector<json> ask(const QByteArray& lines) {
  QProcess worker;
  worker.start(QStringLiteral(INTARSIA_WORKER), {});
  worker.write(lines);
  worker.closeWriteChannel();
  if (!worker.waitForFinished(60000) || worker.exitStatus() != QProcess::NormalExit || worker.exitCode() != 0)
    return {};
  std::vector<json> answers;
  for (const QByteArray& line : worker.readAllStandardOutput().split('\n'))
    if (!line.isEmpty()) answers.push_back(json::parse(line.toStdString()));
  return answers;
}

} // namespace

class TestWorker : public QObject {
  Q_OBJECT
 private slots:
  void devices_are_listed_or_their_absence_is_explained() {
    const auto answers = ask("{\"id\":7,\"do\":\"devices\"}\n");
    QCOMPARE(answers.size(), std::size_t(1));
    QCOMPARE(answers[0]["id"].get<int>(), 7);
    const json& result = answers[0]["result"];
    if (result["devices"].empty()) {
      QVERIFY(!result["problem"].get<std::string>().empty());
    } else {
      QVERIFY(result["devices"][0]["memory_total"].get<double>() > 0);
      QVERIFY(result["devices"][0]["bandwidth"].get<double>() > 0);
    }
  }

  void a_bad_line_is_an_error_and_the_next_is_answered() {
    const auto answers =
        ask("nonsense\n{\"id\":1}\n{\"id\":2,\"do\":\"juggle\"}\n{\"id\":3,\"do\":\"devices\"}\n");
    QCOMPARE(answers.size(), std::size_t(4));
    QVERIFY(answers[0].contains("error"));
    QCOMPARE(answers[1]["id"].get<int>(), 1);
    QVERIFY(answers[1].contains("error"));
    QVERIFY(answers[2]["error"].get<std::string>().find("juggle") != std::string::npos);
    QVERIFY(answers[3].contains("result"));
  }
};

QTEST_APPLESS_MAIN(TestWorker)
#include "test_worker.moc"

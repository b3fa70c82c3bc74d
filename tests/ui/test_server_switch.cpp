// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The switch that serves the model to other programs, on the chat page, asked over real sockets.
#include "tests/support/http_client.h"

#include <QCheckBox>
#include <QClipboard>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <future>

#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

class TestServerSwitch : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;

  Server& server() { return session_->server(); }
  int port() { return QUrl(server().address()).port(); }
  // Asks from another thread while the window goes on.
  test::HttpAnswer ask(const std::string& key, const std::string& path, const Json& body) {
    auto answer = std::async(std::launch::async, [this, key, path, body] {
      test::HttpClient client(port(), key);
      return body.is_null() ? client.get(path) : client.post(path, body);
    });
    while (answer.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
      QCoreApplication::processEvents();
    return answer.get();
  }
  static Json question() {
    return {{"messages", {{{"role", "user"}, {"content", "What is walnut good for?"}}}}, {"max_tokens", 24}};
  }

 private slots:
  void initTestCase() {
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    QVERIFY(open_window({1280, 820}));
    window_->show_page(MainWindow::chat);
    QVERIFY(!find<QCheckBox>("serve")->isEnabled()); // there is no model
    session_->models().open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session_->chat().can_answer(), timeout);
    window_->show_page(MainWindow::chat);
  }

  void a_key_that_cannot_be_sent_is_a_sentence_in_place() {
    find<QSpinBox>("serverPort")->setValue(0); // any that is free
    type("serverKey", "a secret");
    QTest::mouseClick(find<QCheckBox>("serve"), Qt::LeftButton, {}, QPoint(10, 10));
    QTRY_VERIFY_WITH_TIMEOUT(shows("An API key is made of letters, digits and punctuation"), timeout);
    QVERIFY(!server().on() && !find<QCheckBox>("serve")->isChecked());
  }

  void switched_on_it_answers_whoever_has_the_key() {
    type("serverKey", "secret-7");
    QTest::mouseClick(find<QCheckBox>("serve"), Qt::LeftButton, {}, QPoint(10, 10));
    QTRY_VERIFY_WITH_TIMEOUT(server().on(), timeout);
    QVERIFY(shows(server().address() + "/v1, 0 answered."));
    QVERIFY(!find<QSpinBox>("serverPort")->isVisible());
    QCOMPARE(ask("", "/v1/models", nullptr).status, 401);
    const auto models = ask("secret-7", "/v1/models", nullptr);
    QCOMPARE(models.status, 200);
    Json asked = question();
    asked["model"] = models.json()["data"][0]["id"];
    const auto answer = ask("secret-7", "/v1/chat/completions", asked);
    QCOMPARE(answer.status, 200);
    QVERIFY(!answer.json()["choices"][0]["message"]["content"].get<std::string>().empty());
    QTRY_VERIFY_WITH_TIMEOUT(shows("1 answered."), timeout);
    screenshot("5-server");
  }

  void the_copied_command_line_says_all_that_is_needed() {
    QTest::mouseClick(find<QPushButton>("copyCurl"), Qt::LeftButton);
    const QString line = QApplication::clipboard()->text();
    QVERIFY2(line.startsWith("curl " + server().address() + "/v1/chat/completions"), qPrintable(line));
    QVERIFY(line.contains("Authorization: Bearer secret-7"));
    const QString body = line.section("-d '", 1).chopped(1);
    const auto answer = ask("secret-7", "/v1/chat/completions", Json::parse(body.toStdString()));
    QCOMPARE(answer.status, 200);
  }

  void one_chats_beside_it() {
    auto* prompt = find<QPlainTextEdit>("prompt");
    prompt->setPlainText("Is ebony a hard wood?");
    QTest::keyClick(prompt, Qt::Key_Return);
    QCOMPARE(ask("secret-7", "/v1/chat/completions", question()).status, 200);
    QTRY_VERIFY_WITH_TIMEOUT(!session_->chat().answering(), timeout);
    QVERIFY(session_->chat().turns()[0].answer().answered);
  }

  void a_port_in_use_is_a_sentence_in_place() {
    StudioSession other;
    QSignalSpy failed(&other.server(), &Server::failed);
    other.server().start(Speaker::original, session_->chat().model(Speaker::original), {port(), {}});
    QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, timeout);
    QVERIFY2(failed[0][0].toString().contains(QString::number(port())), qPrintable(failed[0][0].toString()));
    QVERIFY(!other.server().on());
  }

  void opening_another_model_asks_first() {
    session_->chat().clear();
    QVERIFY(session_->unfinished_work().startsWith("The server is on: programs that use it lose the model."));
  }

  void switched_off_nobody_listens() {
    const int was = port();
    QTest::mouseClick(find<QCheckBox>("serve"), Qt::LeftButton, {}, QPoint(10, 10));
    QVERIFY(!server().on());
    QTRY_VERIFY_WITH_TIMEOUT(!server().changing(), timeout);
    QCOMPARE(test::HttpClient(was).get("/v1/models").status, 0);
    QVERIFY(find<QSpinBox>("serverPort")->isVisible());
    QVERIFY(!find<QCheckBox>("serve")->isChecked());
  }
};

QTEST_MAIN(TestServerSwitch)
#include "test_server_switch.moc"

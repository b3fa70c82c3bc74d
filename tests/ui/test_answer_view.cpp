// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How an answer is shown: thoughts folded away, code with a Copy, figures, and why there is none.
#include <QApplication>
#include <QClipboard>
#include <QLabel>
#include <QTest>
#include <QTextBlock>
#include <QToolButton>

#include "tests/ui/window_under_test.h"
#include "ui/chat/answer_text.h"
#include "ui/chat/answer_view.h"
#include "ui/chat/thinking.h"

using namespace intarsia;
using namespace intarsia::ui;

class TestAnswerView : public QObject {
  Q_OBJECT

  static ChatTurn turn(const QString& text, bool finished = true) {
    ChatTurn turn{"Why?", {ChatAnswer()}, 0};
    turn.answer().text = text;
    turn.answer().model = "A model";
    turn.answer().finished = turn.answer().answered = finished;
    turn.answer().tokens = 12;
    return turn;
  }
  static bool shows(QWidget& view, const QString& words) {
    for (const auto* label : view.findChildren<QLabel*>())
      if (label->isVisible() && label->text().contains(words)) return true;
    return false;
  }
  static QPoint place_of(AnswerText& text, const QString& words) {
    QTextCursor found = text.document()->find(words);
    found.setPosition(found.selectionStart() + 2);
    return text.cursorRect(found).center();
  }

 private slots:
  void thoughts_are_told_from_answers() {
    const auto both = split_thinking("<think>\nHm, 2 and 2.\n</think>\n\nFour.");
    QCOMPARE(both.thought, QString("Hm, 2 and 2."));
    QCOMPARE(both.answer, QString("Four."));
    QVERIFY(!both.thinking);
    const auto begun = split_thinking("<think>Hm");
    QVERIFY(begun.thinking && begun.answer.isEmpty());
    QCOMPARE(begun.thought, QString("Hm"));
    // The template wrote the opening into the prompt.
    QCOMPARE(split_thinking("Hm.</think>Four.").thought, QString("Hm."));
    QCOMPARE(split_thinking("Four.").answer, QString("Four."));
    QCOMPARE(split_thinking("[THINK]Hm.[/THINK]Four.").thought, QString("Hm."));
    QCOMPARE(split_thinking("<seed:think>Hm.</seed:think> Four.").answer, QString("Four."));
    QVERIFY(split_thinking("A tag </thinking> alone.").thought.isEmpty());
    QVERIFY(split_thinking("Write <think> first.").thought.isEmpty());
    QVERIFY(split_thinking("<think></think>Four.").thought.isEmpty()); // thinking was switched off
  }

  void a_thought_is_folded_until_it_is_asked_for() {
    AnswerView view;
    view.show_turn(turn("<think>Hm", false), true, true);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    auto* fold = view.findChild<QToolButton*>("thinking");
    QCOMPARE(fold->text(), QString("Thinking…"));
    view.show_turn(turn("<think>Hm, 2 and 2.</think>Four."), true, false);
    QCOMPARE(fold->text(), QString("Thought about it"));
    QVERIFY(!shows(view, "Hm, 2 and 2."));
    QTest::mouseClick(fold, Qt::LeftButton);
    QVERIFY(shows(view, "Hm, 2 and 2."));
    QTest::mouseClick(fold, Qt::LeftButton);
    QVERIFY(!shows(view, "Hm, 2 and 2."));
    QCOMPARE(view.findChild<AnswerText*>()->toPlainText(), QString("Four."));
    view.show_turn(turn("Four."), true, false);
    QVERIFY(!fold->isVisible());
  }

  void each_block_of_code_is_copied_alone() {
    AnswerText text;
    text.resize(400, 300);
    text.show_markdown("First:\n\n```cpp\nint a = 1;\n\nint b = 2;\n```\n\nthen\n\n```\nmake\n```\n\nDone.");
    text.show();
    QVERIFY(QTest::qWaitForWindowExposed(&text));
    QCOMPARE(text.code_blocks(), QStringList({"int a = 1;\n\nint b = 2;", "make"}));
    QCOMPARE(text.toPlainText().count("Copy code"), 2);
    QVERIFY(text.toPlainText().indexOf("Copy code") < text.toPlainText().indexOf("then"));
    QVERIFY(text.toPlainText().endsWith("Done."));
    QTest::mouseClick(text.viewport(), Qt::LeftButton, {}, place_of(text, "Copy code"));
    QCOMPARE(QApplication::clipboard()->text(), QString("int a = 1;\n\nint b = 2;"));
    text.show_markdown("No code.");
    QVERIFY(text.code_blocks().isEmpty());
  }

  // Its ground is of the palette of now, not of when it was written.
  void code_is_recoloured_with_the_palette() {
    AnswerText text;
    text.resize(400, 200);
    text.show();
    text.show_markdown("```\nmake\n```");
    for (const bool dark : {false, true, false}) {
      test::use_palette(dark);
      QTRY_COMPARE(text.document()->begin().blockFormat().background().color(),
                   Theme::of(QApplication::palette()).ground);
    }
    QCOMPARE(text.code_blocks(), QStringList{"make"});
  }

  void links_of_a_model_go_nowhere() {
    AnswerText text;
    text.resize(400, 200);
    text.show_markdown("[here](copy:0) and ```x``` and [there](https://example.org)");
    QApplication::clipboard()->setText("before");
    emit text.anchorClicked(QUrl("copy:0"));
    emit text.anchorClicked(QUrl("https://example.org"));
    QCOMPARE(QApplication::clipboard()->text(), QString("before"));
    QVERIFY(!text.toPlainText().isEmpty());
  }

  void figures_and_reasons_are_said() {
    AnswerView view;
    view.show();
    ChatTurn shown = turn("Four.");
    shown.answer().reason = StopReason::token_limit;
    view.show_turn(shown, true, false);
    shown.answer().first_token_seconds = 0.004;
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "first token after 4 ms"));
    shown.answer().first_token_seconds = 0.25;
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "first token after 0.25 s"));
    QVERIFY(shows(view, "12 tokens") && shows(view, "cut off at the token limit"));
    shown.answer().reason = StopReason::context_full;
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "the context is full"));
    shown.answer().reason = StopReason::stopped;
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "stopped"));
    shown = turn({}, false);
    view.show_turn(shown, true, true);
    QVERIFY(shows(view, "answering…"));
    shown.answer().finished = true;
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "Stopped before it began."));
    shown.answer().problem = "the worker was killed";
    view.show_turn(shown, true, false);
    QVERIFY(shows(view, "The worker was killed."));
  }
};

QTEST_MAIN(TestAnswerView)
#include "test_answer_view.moc"

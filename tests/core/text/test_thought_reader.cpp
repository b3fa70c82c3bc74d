// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The thought of a reasoning model apart from its answer, whole and a character at a time.
#include "core/text/thought_reader.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

const ThinkingMarks think{"<think>", "</think>"}, upper{"[THINK]", "[/THINK]"};

// "thought|answer", read in pieces of `size` bytes.
QString read(ThoughtReader reader, const std::string& text, std::size_t size) {
  std::string thought, answer;
  const auto take = [&](const ThoughtReader::Parts& parts) {
    thought += parts.thought;
    answer += parts.answer;
  };
  for (std::size_t at = 0; at < text.size(); at += size) take(reader.add(text.substr(at, size)));
  take(reader.finish());
  return QString::fromStdString(thought + "|" + answer);
}

} // namespace

class TestThoughtReader : public QObject {
  Q_OBJECT
 private slots:
  void texts_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("closed"); // the prompt ends without a thought
    QTest::addColumn<QString>("opened"); // the prompt ends with <think>
    const auto row = [](const char* name, const char* text, const char* closed, const char* opened) {
      QTest::newRow(name) << text << closed << opened;
    };
    row("marked", "<think>\nTwo and two.\n</think>\n\nFour.", "Two and two.|Four.",
        "<think>\nTwo and two.|Four.");
    row("the prompt began it", "Two and two.\n</think>\n\nFour.\n", "|Two and two.\n</think>\n\nFour.\n",
        "Two and two.|Four.\n");
    row("none", "  Four.\n", "|  Four.\n", "Four.|");
    row("switched off", "<think>\n\n</think>\n\nFour.", "|Four.", "<think>|Four.");
    row("cut off", "<think>Two an", "Two an|", "<think>Two an|");
    row("cut off in the end's mark", "<think>Two </th", "Two </th|", "<think>Two </th|");
    row("cut off in the mark", " <thi", "| <thi", "<thi|");
    row("nothing", "", "|", "|");
    row("other marks", "[THINK]a < b[/THINK]Four.", "a < b|Four.", "[THINK]a < b[/THINK]Four.|");
    row("less than", "<think>a < b </ c</think> <think>", "a < b </ c|<think>", "<think>a < b </ c|<think>");
    row("later in the text", "See <think>x</think>", "|See <think>x</think>", "See <think>x|");
    row("several bytes", "<think>é\u2028 ü</think>ß", "é\u2028 ü|ß", "<think>é\u2028 ü|ß");
  }
  void texts() {
    QFETCH(QString, text);
    QFETCH(QString, closed);
    QFETCH(QString, opened);
    for (const std::size_t size : {1, 2, 3, 7, 1000}) {
      const std::string bytes = text.toStdString();
      QCOMPARE(read(ThoughtReader({think, upper}), bytes, size), closed);
      QCOMPARE(read(ThoughtReader({think, upper}, think), bytes, size), opened);
      QCOMPARE(read(ThoughtReader(), bytes, size), "|" + text);
    }
  }

  void what_is_certain_is_told_at_once() {
    ThoughtReader reader({think});
    QCOMPARE(reader.add("<think>Two").thought, std::string("Two"));
    QCOMPARE(reader.add(" and </").thought, std::string(" and"));
    QCOMPARE(reader.add("think>").thought, std::string());
    QCOMPARE(reader.add("\n").answer, std::string());
    QCOMPARE(reader.add("Fo").answer, std::string("Fo"));
    QCOMPARE(reader.add("ur <").answer, std::string("ur <"));
  }
};

QTEST_APPLESS_MAIN(TestThoughtReader)
#include "test_thought_reader.moc"

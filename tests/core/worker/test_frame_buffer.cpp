// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/frame_buffer.h"
#include "tests/support/test_support.h"

using intarsia::FrameBuffer;

class TestFrameBuffer : public QObject {
  Q_OBJECT
 private slots:
  void lines_come_whole_however_the_bytes_come() {
    const std::string stream = "one\n\ntwo words\r\nthree\n";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
      FrameBuffer frames(100);
      std::vector<std::string> lines;
      for (std::size_t i = 0; i < stream.size(); i += piece) {
        frames.push(std::string_view(stream).substr(i, piece));
        while (const auto line = frames.next_line()) lines.push_back(line->text);
      }
      QCOMPARE(lines, (std::vector<std::string>{"one", "", "two words", "three"}));
    }
  }

  void bytes_between_lines_may_be_anything() {
    FrameBuffer frames(100);
    const std::string bytes("\n\0a\n", 4);
    frames.push("header\n" + bytes.substr(0, 1));
    QCOMPARE(frames.next_line()->text, std::string("header"));
    QVERIFY(!frames.next_bytes(4));
    frames.push(bytes.substr(1) + "next\n");
    QVERIFY(frames.next_bytes(4) == bytes);
    QCOMPARE(frames.next_line()->text, std::string("next"));
    QVERIFY(!frames.next_line());
    QVERIFY(frames.next_bytes(0) == std::string());
  }

  void a_line_that_is_too_long_is_passed_over() {
    FrameBuffer frames(8);
    for (int i = 0; i < 1000; ++i) {
      frames.push("0123456789");
      QVERIFY(!frames.next_line());
    }
    frames.push("\n12345678\n123456789\nshort\n");
    QVERIFY(frames.next_line()->too_long);
    QCOMPARE(frames.next_line()->text, std::string("12345678"));
    QVERIFY(frames.next_line()->too_long);
    const auto line = frames.next_line();
    QVERIFY(!line->too_long && line->text == "short");
  }
};

QTEST_APPLESS_MAIN(TestFrameBuffer)
#include "test_frame_buffer.moc"

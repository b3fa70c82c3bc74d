// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a hostile chat template can ask for (steps, stack, memory), and Python's ways with text, line ends and
// namespaces that templates lean on.
#include "core/text/chat_template.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

std::string render(const std::string& source) {
  return ChatTemplate(source).render({{"user", "Grüße"}}, true, "<s>", "</s>");
}
std::string refusal(const std::string& source) {
  return test::error_of([&] { render(source); });
}
std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}
std::string grow(const std::string& start, const std::string& step) {
  return "{% set ns = namespace(x=" + start + ") %}{% for i in range(1000) %}{% set ns.x = " + step +
         " %}{% endfor %}{{ ns.x }}";
}

} // namespace

class TestChatTemplateBounds : public QObject {
  Q_OBJECT
 private slots:
  void refuses_what_grows_without_end_data() {
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char* name, const std::string& source, const char* reason) {
      QTest::newRow(name) << QString::fromStdString(source) << reason;
    };
    row("long sum", "{{ " + repeated("1+", 100000) + "1 }}", "too long");
    row("long attribute chain", "{{ messages" + repeated(".b", 100000) + " }}", "too long");
    row("long filter chain", "{{ messages" + repeated("|list", 100000) + " }}", "too long");
    row("nested parentheses", "{{ " + repeated("(", 100000) + " }}", "too deeply nested");
    row("nested blocks", repeated("{% if true %}", 100000), "too deeply nested");
    row("nested lists", grow("[]", "[ns.x]"), "nests lists too deeply");
    row("tree that shares its branches", grow("[1]", "[ns.x, ns.x]"), "too");
    row("doubled text", grow("'ab'", "ns.x ~ ns.x"), "too much text");
    row("doubled list", grow("[1]", "ns.x + ns.x"), "too large a list");
    row("many long texts", repeated("{% set a = 'x' * 16000000 %}", 3000), "too many steps");
    row("recursive macro", "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(1) }}", "too deeply");
    row("namespace in itself", "{% set ns = namespace() %}{% set ns.x = ns %}", "namespace");
    row("namespace in its list", "{% set ns = namespace() %}{% set ns.x = [ns] %}", "too deeply");
    row("dictionary as a namespace", "{% set d = {} %}{% set d.x = d %}", "not a namespace");
    row("least number divided", "{{ (-9223372036854775807 - 1) // -1 }}", "too large");
    row("long filling", "{{ 'a'.ljust(1000000, 'x' * 1000000) }}", "one character");
    row("dictionary of many pairs", "{{ dict(range(100000) | batch(2) | list) }}", "too large");
    row("function of a loop that is gone",
        "{% set ns = namespace() %}{% for i in [1] %}{% set ns.f = loop.changed %}{% endfor %}{{ ns.f(1) }}",
        "gone");
    row("many brackets", "{{ " + repeated("[", 100000), "too deeply nested");
    row("character by its name", "{{ '\\N{DIGIT ONE}' }}", "\\N{");
    row("half a surrogate pair", "{{ '\\ud83d' }}", "escape");
    row("escape without its digits", "{{ '\\u00' }}", "escape");
    row("division by a rounded zero", "{{ 5 is divisibleby(0.5) }}{{ 1 % 0 }}", "division");
  }
  void refuses_what_grows_without_end() {
    QFETCH(QString, source);
    QFETCH(QString, reason);
    const QString sentence = QString::fromStdString(refusal(source.toStdString()));
    QVERIFY2(sentence.contains(reason), qPrintable(sentence));
    QVERIFY2(sentence.contains("line 1"), qPrintable(sentence));
  }

  void counts_characters_and_not_bytes() {
    QCOMPARE(render("{{ messages[0].content[2:4] }}"), std::string("üß"));
    QCOMPARE(render("{{ messages[0].content[-3] }}"), std::string("ü"));
    QCOMPARE(render("{{ messages[0].content[::-1] }}"), std::string("eßürG"));
    QCOMPARE(render("{{ messages[0].content | length }}"), std::string("5"));
    QCOMPARE(render("{% for c in messages[0].content %}{{ c }},{% endfor %}"), std::string("G,r,ü,ß,e,"));
  }

  void reads_every_kind_of_line_end() {
    QCOMPARE(render("{% if true %}\r\na\r\nb\r{% endif %}\r\n"), std::string("a\nb\n"));
  }

  void long_conversations_render() {
    std::vector<ChatMessage> messages;
    for (int i = 0; i < 400; ++i) messages.push_back({i % 2 ? "assistant" : "user", std::string(20000, 'x')});
    const ChatTemplate chatml(
        "{% for message in messages %}{% if not (message.role == 'system' and not loop.first) %}"
        "{{ '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}{% endif %}{% "
        "endfor %}");
    QVERIFY(chatml.render(messages, false, "", "").size() > 400 * 20000);
  }
};

QTEST_APPLESS_MAIN(TestChatTemplateBounds)
#include "test_chat_template_bounds.moc"

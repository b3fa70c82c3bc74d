// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Calls of tools in the forms that chat templates teach, whole and a character at a time.
#include "core/text/tool_calls.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

// "text|name(arguments)|…", read in pieces of `size` bytes; what was told before the end stands before "/".
std::string read(const std::string& answer, std::size_t size, const std::set<std::string>& known) {
  ToolCallReader reader(known);
  std::string told;
  for (std::size_t at = 0; at < answer.size(); at += size) told += reader.add(answer.substr(at, size));
  const AnswerWithCalls rest = reader.finish();
  told += rest.text;
  for (const ToolCall& call : rest.calls) told += "|" + call.name + "(" + call.arguments + ")";
  return told;
}

} // namespace

class TestToolCalls : public QObject {
  Q_OBJECT
 private slots:
  void answers_data() {
    QTest::addColumn<QString>("answer");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const char* answer, const char* expected) {
      QTest::newRow(name) << answer << expected;
    };
    row("text", "It is 3 < 4.", "It is 3 < 4.");
    row("nothing", "", "");
    row("text with the tag's beginning", "a <tool_cal", "a <tool_cal");
    row("text in braces", "{\"city\": \"Oslo\"}", "{\"city\": \"Oslo\"}");
    row("a list", "[1, 2]", "[1, 2]");
    row("Hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>",
        "|weather({\"city\":\"Oslo\"})");
    row("Hermes behind text, twice",
        "I look.\n\n<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>\n"
        "<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>\n",
        "I look.|weather({\"city\":\"Oslo\"})|time({})");
    row("Hermes without its end", "<tool_call>{\"name\": \"time\", \"arguments\": {}}", "|time({})");
    row("Hermes cut off", "So: <tool_call>{\"name\": \"ti", "So: <tool_call>{\"name\": \"ti");
    row("Hermes with text behind", "<tool_call>{\"name\": \"time\"}</tool_call> done",
        "<tool_call>{\"name\": \"time\"}</tool_call> done");
    row("Llama 3", "{\"name\": \"weather\", \"parameters\": {\"city\": \"Oslo\"}}",
        "|weather({\"city\":\"Oslo\"})");
    row("Llama 3 with its mark", "<|python_tag|>{\"name\": \"other\", \"parameters\": {}}", "|other({})");
    row("Llama 3, two",
        "{\"name\": \"time\", \"parameters\": {\"of\": \"a;b\"}}; {\"name\": \"time\", \"parameters\": {}}",
        "|time({\"of\":\"a;b\"})|time({})");
    row("JSON that names no tool", "{\"name\": \"Oslo\", \"parameters\": {}}",
        "{\"name\": \"Oslo\", \"parameters\": {}}");
    row("Mistral",
        "[TOOL_CALLS] [{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}, {\"name\": \"time\", "
        "\"arguments\": {}}]",
        "|weather({\"city\":\"Oslo\"})|time({})");
    row("Mistral whose mark is a control token", " [{\"name\": \"time\", \"arguments\": {}}]", "|time({})");
    row("arguments as a string", "{\"name\": \"time\", \"arguments\": \"{\\\"of\\\": 1}\"}",
        "|time({\"of\":1})");
    row("arguments that are no object", "{\"name\": \"time\", \"arguments\": [1]}",
        "{\"name\": \"time\", \"arguments\": [1]}");
    row("Unicode", "[{\"name\": \"weather\", \"arguments\": {\"city\": \"Tromsø\"}}]",
        "|weather({\"city\":\"Tromsø\"})");
  }
  void answers() {
    QFETCH(QString, answer);
    QFETCH(QString, expected);
    const std::set<std::string> known{"weather", "time"};
    for (const std::size_t size : {1u, 3u, 1000u})
      QCOMPARE(QString::fromStdString(read(answer.toStdString(), size, known)), expected);
  }

  // Text is told as it comes, but for what may still become a call.
  void text_is_not_held_back() {
    ToolCallReader reader({"time"});
    QCOMPARE(reader.add("It is"), std::string("It is"));
    QCOMPARE(reader.add(" noon. <to"), std::string(" noon."));
    QCOMPARE(reader.add("day>"), std::string(" <today>"));
    QVERIFY(reader.finish().calls.empty());
  }

  void names_of_tools() {
    const auto tools = OrderedJson::parse(
        R"([{"type":"function","function":{"name":"time"}},{"name":"weather"},{"function":{}},3])");
    QVERIFY(tool_names(tools) == (std::set<std::string>{"time", "weather"}));
    QVERIFY(tool_names(nullptr).empty());
  }
};

QTEST_APPLESS_MAIN(TestToolCalls)
#include "test_tool_calls.moc"

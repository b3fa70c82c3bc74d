// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Chat templates against transformers (goldens by tests/golden/text/compare_templates.py --write): a snippet
// for every part of the language, and the templates of real models.
#include <QDateTime>
#include <clocale>
#include <ctime>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "core/text/chat_format.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

OrderedJson golden(const char* name) {
  std::ifstream file(test::tests_folder() / "golden/text" / name);
  return OrderedJson::parse(file);
}

// The day that compare_templates.py has the goldens written on, at noon.
std::time_t day_of_the_goldens() {
  std::tm parts{};
  parts.tm_year = 2026 - 1900, parts.tm_mon = 10, parts.tm_mday = 28, parts.tm_hour = 12, parts.tm_isdst = -1;
  return std::mktime(&parts);
}

ChatRequest request_of(const OrderedJson& dialogue) {
  ChatRequest request;
  for (OrderedJson message : dialogue["messages"]) {
    const auto role = message["role"].get<std::string>();
    message.erase("role");
    request.messages.push_back({role, "", message});
  }
  request.add_generation_prompt = dialogue.value("add_generation_prompt", true);
  request.tools = dialogue.value("tools", OrderedJson());
  request.arguments = dialogue.value("arguments", OrderedJson());
  request.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  request.now = day_of_the_goldens();
  return request;
}

QString fnv(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char byte : text) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return QString("%1").arg(value, 16, 16, QLatin1Char('0'));
}

TokenizerSpec spec_of(const std::string& chat_template, std::vector<std::string> tokens) {
  TokenizerSpec spec;
  spec.tokens = std::move(tokens);
  spec.chat_template = chat_template;
  return spec;
}

} // namespace

class TestTemplateGoldens : public QObject {
  Q_OBJECT
 private slots:
  void snippets_data() {
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("content");
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("refused");
    for (const OrderedJson& item : golden("snippet_goldens.json")) {
      const auto text = [&](const char* field) {
        return QString::fromStdString(item.value(field, std::string()));
      };
      QTest::newRow(qPrintable(text("name")))
          << text("template") << text("content") << text("text") << item.contains("error");
    }
  }
  void snippets() {
    QFETCH(QString, source);
    QFETCH(QString, content);
    QFETCH(QString, text);
    QFETCH(bool, refused);
    std::string rendered;
    const std::string error = test::error_of([&] {
      rendered =
          ChatTemplate(source.toStdString()).render({{"user", content.toStdString()}}, true, "<s>", "</s>");
    });
    QVERIFY2(error.empty() != refused, error.c_str());
    QCOMPARE(QString::fromStdString(rendered), text);
  }

  void real_templates_data() {
    QTest::addColumn<QString>("file");
    const OrderedJson goldens = golden("template_goldens.json");
    for (const auto& [file, digests] : goldens["digests"].items())
      QTest::newRow(file.c_str()) << QString::fromStdString(file);
  }
  void real_templates() {
    INTARSIA_NEED_SHARED("templates");
    QFETCH(QString, file);
    const OrderedJson goldens = golden("template_goldens.json");
    std::ifstream stream(test::shared_folder() / "templates" / file.toStdString());
    std::stringstream source;
    source << stream.rdbuf();
    for (const auto& [name, dialogue] : goldens["dialogues"].items()) {
      std::string text;
      const std::string error =
          test::error_of([&] { text = ChatTemplate(source.str()).render(request_of(dialogue)); });
      const auto expected = goldens["digests"][file.toStdString()][name].get<std::string>();
      QCOMPARE((error.empty() ? fnv(text) : QString("refused")).toStdString(), expected);
    }
  }

  void the_time_is_the_requests_or_the_clocks() {
    const ChatTemplate day("{{ strftime_now('%d %B %Y, %H') }}");
    ChatRequest request;
    request.now = day_of_the_goldens();
    QCOMPARE(day.render(request), std::string("28 November 2026, 12"));
    request.now.reset();
    const QDateTime before = QDateTime::currentDateTime();
    const QString year = QString::fromStdString(ChatTemplate("{{ strftime_now('%Y') }}").render(request));
    QVERIFY(year.toInt() == before.date().year() ||
            year.toInt() == QDateTime::currentDateTime().date().year());
  }

  void numbers_and_names_are_the_same_in_any_locale() {
    const std::string source = "{{ 0.5 }} {{ '1.5' | float }} {{ '%.2f' % 2.25 }} {{ 1.25 | tojson }}";
    const std::string before = ChatTemplate(source).render({{"user", "x"}}, true, "", "");
    QCOMPARE(before, std::string("0.5 1.5 2.25 1.25"));
    if (!std::setlocale(LC_ALL, "de_DE.UTF-8")) QSKIP("no locale de_DE.UTF-8 on this machine");
    const std::string after = ChatTemplate(source).render({{"user", "x"}}, true, "", "");
    std::setlocale(LC_ALL, "C.UTF-8");
    QCOMPARE(after, before);
  }

  void arguments_and_special_tokens_reach_the_template() {
    ChatRequest request;
    request.messages = {{"user", "Hi", {{"name", "Ada"}}}};
    request.arguments = {{"enable_thinking", false}, {"reasoning_effort", "low"}, {"extra", {1, 2}}};
    request.documents = {{{"title", "T"}}};
    request.special_tokens = {{"bos_token", "<s>"}};
    const ChatTemplate chat(
        "{{ bos_token }}{{ eos_token is defined }}{{ enable_thinking }}{{ reasoning_effort }}"
        "{{ extra[1] }}{{ documents[0].title }}{{ messages[0].name }}{{ tools is none }}");
    QCOMPARE(chat.render(request), std::string("<s>FalseFalselow2TAdaTrue"));
  }

  void a_template_that_cannot_be_rendered_gives_way_to_a_generic_one() {
    const ChatFormat broken(spec_of("{% frobnicate %}", {"<|im_start|>", "<|im_end|>"}));
    ChatRequest request;
    request.messages = {{"system", "S"}, {"user", "U"}};
    const RenderedChat rendered = broken.render(request);
    QCOMPARE(rendered.text,
             std::string(
                 "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"));
    QVERIFY(rendered.notice.find("frobnicate") != std::string::npos);
    QVERIFY(rendered.notice.find("ChatML") != std::string::npos);

    const ChatFormat refusing(spec_of("{{ raise_exception('no system') }}", {"a"}));
    QVERIFY(test::error_of([&] { refusing.render(request); }).find("no system") != std::string::npos);

    const RenderedChat plain = ChatFormat(spec_of("{{ 1 / 0 }}", {"a"})).render(request);
    QCOMPARE(plain.text, std::string("S\nUser: U\nAssistant:"));
    QCOMPARE(plain.stop_text, std::string("\nUser:"));
    QVERIFY(ChatFormat(spec_of("", {"a"})).render(request).notice.empty());
  }

  void named_templates_serve_tools() {
    TokenizerSpec spec = spec_of("default", {"a"});
    spec.chat_templates = {{"tool_use", "tools"}, {"rag", "rag"}};
    ChatRequest request;
    QCOMPARE(ChatFormat(spec).render(request).text, std::string("default"));
    request.tools = {{{"type", "function"}}};
    QCOMPARE(ChatFormat(spec).render(request).text, std::string("tools"));
  }

  void thoughts_left_open_are_seen() {
    QCOMPARE(open_thought("<|assistant|>\n<think>\n")->close, std::string("</think>"));
    QVERIFY(!open_thought("<think>\n\n</think>\n\n"));
    QVERIFY(!open_thought("Write your thoughts in <think> marks.\nassistant\n"));
  }

  void functions_that_outlive_their_loop_are_refused() {
    const auto refused = [](const std::string& source) {
      return test::error_of([&] { ChatTemplate(source).render({{"user", "x"}}, true, "", ""); });
    };
    QVERIFY(!refused("{% set ns = namespace() %}{% for i in [1] %}{% set ns.f = loop.changed %}{% endfor "
                     "%}{{ ns.f(1) }}")
                 .empty());
    QVERIFY(refused("{% set ns = namespace() %}{% for a in [1] %}{% for b in [[2]] recursive %}{% set ns.l = "
                    "loop %}{% endfor %}{% endfor %}{{ ns.l([1]) }}")
                .empty());
    QVERIFY(refused("{% set ns = namespace() %}{% for a in [1] %}{% macro m() %}{{ a }}{% endmacro %}{% set "
                    "ns.m = m %}{% endfor %}{{ ns.m() }}")
                .empty());
  }
};

QTEST_APPLESS_MAIN(TestTemplateGoldens)
#include "test_template_goldens.moc"

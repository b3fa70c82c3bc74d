// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Chat templates against transformers (goldens by tests/golden/chat/make_chat_goldens.py).
#include "core/base/json.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

std::string render(const std::string& source) {
  return ChatTemplate(source).render({{"user", "Hi"}}, true, "<s>", "</s>");
}
std::string refusal(const std::string& source) {
  return test::error_of([&] { render(source); });
}

} // namespace

class TestChatTemplate : public QObject {
  Q_OBJECT
 private slots:
  void renders_as_transformers_does() {
    for (const Json& item : read_json_file(test::tests_folder() / "golden/chat/cases.json")) {
      std::vector<ChatMessage> messages;
      for (const Json& message : item["messages"]) messages.push_back({message["role"], message["content"]});
      const std::string text =
          ChatTemplate(item["template"]).render(messages, item["add_generation_prompt"], "<s>", "</s>");
      if (text != item["text"].get<std::string>())
        qWarning() << item["name"].get<std::string>().c_str() << "\n"
                   << text.c_str() << "\nexpected\n"
                   << item["text"].get<std::string>().c_str();
      QCOMPARE(text, item["text"].get<std::string>());
    }
  }

  void what_is_wrong_is_said_with_its_line() {
    const std::pair<const char*, const char*> cases[] = {
        {"a\n{% if x %}", "line 2"},
        {"{{ 1 + }}", "unexpected"},
        {"{{ 'open", "not closed"},
        {"{% frobnicate %}", "frobnicate"},
        {"{{ messages | frobnicate }}", "frobnicate"},
        {"{{ messages is frobnicated }}", "frobnicated"},
        {"{{ frobnicate() }}", "frobnicate"},
        {"{{ raise_exception('roles must alternate') }}", "roles must alternate"},
        {"{{ nothing.at.all }}", "not defined"},
        {"{{ 1 / 0 }}", "division"},
        {"{{ 'a' + 1 }}", "does not work"},
    };
    for (const auto& [source, expected] : cases) {
      const std::string sentence = refusal(source);
      if (sentence.find(expected) == std::string::npos) qWarning("%s: %s", source, sentence.c_str());
      QVERIFY(sentence.find(expected) != std::string::npos);
      QVERIFY(sentence.find("chat template") != std::string::npos ||
              sentence.find("template refuses") != std::string::npos);
    }
  }

  void hostile_templates_end() {
    QVERIFY(!refusal("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}")
                 .empty());
    QVERIFY(!refusal("{{ range(1000000000) }}").empty());
    QVERIFY(!refusal("{{ 'x' * 1000000000000 }}").empty());
    QVERIFY(!refusal("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").empty());
    QVERIFY(!refusal("{{ " + std::string(100000, '(') + " }}").empty());
    QVERIFY(!refusal(std::string(5000, '[') + "{{ " + std::string(5000, '[') + " }}").empty());
  }

  void the_shared_qwen_template_renders() {
    INTARSIA_NEED_SHARED("tokenizers/qwen2.5");
    const auto spec = read_tokenizer(test::shared_folder() / "tokenizers/qwen2.5");
    const std::string text = ChatTemplate(spec.chat_template).render({{"user", "Hi"}}, true, "", "");
    QVERIFY(text.ends_with("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"));
    QVERIFY(text.starts_with("<|im_start|>system\n"));
  }
};

QTEST_APPLESS_MAIN(TestChatTemplate)
#include "test_chat_template.moc"

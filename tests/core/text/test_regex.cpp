// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Regular expressions against Oniguruma (goldens by tests/golden/text/make_regex_goldens.py).
#include <fmt/format.h>

#include "core/base/json.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

const Json& goldens() {
  static const Json json = read_json_file(test::tests_folder() / "golden/text/regex_goldens.json");
  return json;
}

// As tokenizers gives them: empty matches do not show.
std::vector<std::string> matched_texts(const Regex& regex, const std::string& text) {
  std::vector<std::string> texts;
  for (const auto& [begin, end] : regex.matches(text))
    if (end > begin) texts.push_back(text.substr(begin, end - begin));
  return texts;
}

} // namespace

class TestRegex : public QObject {
  Q_OBJECT

 private slots:
  void matches_are_those_of_oniguruma() {
    std::string wrong;
    for (const Json& item : goldens()["matches"]) {
      const auto pattern = item["pattern"].get<std::string>();
      std::vector<std::string> found;
      const std::string error = test::error_of(
          [&] { found = matched_texts(Regex(pattern, "golden"), item["text"].get<std::string>()); });
      if (!error.empty() || found != item["matches"].get<std::vector<std::string>>())
        wrong += "\n" + pattern + " matches " + Json(found).dump() + " " + error;
    }
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  void sets_hold_what_they_hold_in_oniguruma() {
    const std::u32string characters = to_code_points(goldens()["characters"].get<std::string>());
    std::string wrong;
    for (const auto& [pattern, runs] : goldens()["sets"].items()) {
      std::vector<bool> expected(characters.size(), false), found(characters.size(), false);
      for (const Json& run : runs)
        for (std::size_t i = run[0]; i <= run[1].get<std::size_t>(); ++i) expected[i] = true;
      const std::string error = test::error_of([&, &text = pattern] {
        const Regex regex(text, "golden");
        for (std::size_t i = 0; i < characters.size(); ++i) {
          const std::string character = to_utf8(characters.substr(i, 1));
          found[i] = matched_texts(regex, character) == std::vector{character};
        }
      });
      if (found != expected) wrong += "\n" + pattern + " " + error;
      for (std::size_t i = 0; i < characters.size() && error.empty(); ++i)
        if (found[i] != expected[i]) wrong += fmt::format(" U+{:04X}", std::uint32_t(characters[i]));
    }
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  // What PCRE2 has no words for is named, and never taken for something else.
  void what_cannot_be_translated_is_named() {
    const std::pair<const char*, const char*> cases[] = {
        {R"(a\yb)", "\\y"},
        {"(?~ab)", "absent operator"},
        {R"(\p{Klingon})", "\\p{Klingon}"},
        {R"(\p{sc:Han\E})", "\\p{sc:Han"},
        {R"(\p{L)", "property open"},
        {"[[:foo:]]", "[:foo:]"},
        {"[a-", "class open"},
        {"[a[b]", "class open"},
        {R"([\)", "class open"},
        {R"(\xC3\xA9)", "bytes"},
        {R"(\x{41 42})", "one number"},
        {R"(\u00)", "no valid regex"},
        {R"(\M-a)", "\\M"},
        {R"(\C)", "no valid regex"},
        {"(?W:a)", "(?W)"},
        {"(a", "no valid regex"},
        {"a)", "no valid regex"},
        {R"(a\)", "no valid regex"},
    };
    for (const auto& [pattern, expected] : cases) {
      const std::string sentence = test::error_of([&] { Regex(pattern, "tokenizer.json"); });
      QVERIFY2(sentence.find(expected) != std::string::npos,
               (std::string(pattern) + ": " + sentence).c_str());
      QVERIFY(sentence.starts_with("tokenizer.json"));
    }
    const std::string deep = std::string(100, '[') + "a" + std::string(100, ']');
    QVERIFY(test::error_of([&] { Regex(deep, "x"); }).find("too deep") != std::string::npos);
    std::string wide;
    while (wide.size() < 4000) wide += "\\w";
    QVERIFY(test::error_of([&] { Regex(wide, "x"); }).find("too long") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestRegex)
#include "test_regex.moc"

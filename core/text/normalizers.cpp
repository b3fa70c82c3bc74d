// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The normalizers of tokenizer.json; a new one is a class and a row of the table below.
#include <algorithm>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/normalizer.h"
#include "core/text/precompiled_charsmap.h"
#include "core/text/regex.h"
#include "core/text/sentencepiece_normalizer.h"
#include "core/text/stage_json.h"
#include "core/text/unicode.h"

namespace intarsia {
namespace {

using Pointer = std::unique_ptr<Normalizer>;

// One that is a function of the text alone.
class PlainNormalizer : public Normalizer {
 public:
  using Function = std::function<std::string(std::string)>;
  explicit PlainNormalizer(Function function)
      : function_(std::move(function)) {}
  std::string normalize(std::string text) const override { return function_(std::move(text)); }

 private:
  Function function_;
};

Pointer plain(PlainNormalizer::Function function) {
  return std::make_unique<PlainNormalizer>(std::move(function));
}

// One that looks at every character by itself: appends what the character becomes.
Pointer by_character(void (*map)(char32_t c, std::u32string& out)) {
  return plain([map](const std::string& text) {
    std::u32string out;
    for (const char32_t c : to_code_points(text)) map(c, out);
    return to_utf8(out);
  });
}

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(const JsonObject& json) {
    for (const Json& part : list_of(json, "normalizers"))
      parts_.push_back(make_normalizer(JsonObject(part, json.origin())));
  }
  std::string normalize(std::string text) const override {
    for (const auto& part : parts_) text = part->normalize(std::move(text));
    return text;
  }

 private:
  std::vector<Pointer> parts_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  explicit ReplaceNormalizer(const JsonObject& json)
      : pattern_(pattern_of(json), json.origin())
      , content_(json.string("content")) {}
  std::string normalize(std::string text) const override {
    return replaced_matches(pattern_, text, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

template <NormalForm Form>
Pointer make_form(const JsonObject&) {
  return plain([](const std::string& text) { return normalized(text, Form); });
}

Pointer make_lowercase(const JsonObject&) { return by_character(append_lower); }

Pointer make_strip_accents(const JsonObject&) {
  return by_character([](char32_t c, std::u32string& out) {
    if (!is_mark(c)) out += c;
  });
}

Pointer make_strip(const JsonObject& json) {
  const bool left = json.boolean_or("strip_left", true), right = json.boolean_or("strip_right", true);
  return plain([left, right](const std::string& text) {
    const std::u32string all = to_code_points(text);
    std::size_t begin = 0, end = all.size();
    while (left && begin < end && is_white_space(all[begin])) ++begin;
    while (right && end > begin && is_white_space(all[end - 1])) --end;
    return to_utf8(std::u32string_view(all).substr(begin, end - begin));
  });
}

Pointer make_prepend(const JsonObject& json) {
  return plain([prefix = json.string("prepend")](const std::string& text) {
    return text.empty() ? text : prefix + text;
  });
}

Pointer make_byte_level(const JsonObject&) { return plain(to_byte_alphabet); }

// SentencePiece's "nmt" rule: control characters go, odd white space becomes a space.
Pointer make_nmt(const JsonObject&) {
  return by_character([](char32_t c, std::u32string& out) {
    const bool control =
        (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    const bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    if (!control) out += space ? U' ' : c;
  });
}

class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(const JsonObject& json)
      : map_(bytes_of_base64(json.has("precompiled_charsmap") ? json.string("precompiled_charsmap") : "",
                             json.origin()),
             json.origin()) {}
  std::string normalize(std::string text) const override { return map_.normalize_graphemes(text); }

 private:
  PrecompiledCharsmap map_;
};

bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

Pointer make_bert(const JsonObject& json) {
  const bool clean = json.boolean_or("clean_text", true),
             chinese = json.boolean_or("handle_chinese_chars", true),
             lower = json.boolean_or("lowercase", true), strip = json.boolean_or("strip_accents", lower);
  return plain([=](const std::string& text) {
    std::u32string out;
    for (const char32_t c : to_code_points(text)) {
      const bool blank = c == '\t' || c == '\n' || c == '\r';
      if (clean && (c == 0xFFFD || (!blank && is_other(c)))) continue;
      const bool apart = chinese && is_chinese(c);
      if (apart) out += U' ';
      out += clean && (blank || is_white_space(c)) ? U' ' : c;
      if (apart) out += U' ';
    }
    std::string result = to_utf8(out);
    if (strip) {
      std::u32string bare;
      for (const char32_t c : to_code_points(normalized(result, NormalForm::nfd)))
        if (!is_nonspacing_mark(c)) bare += c;
      result = to_utf8(bare);
    }
    if (!lower) return result;
    std::u32string small;
    for (const char32_t c : to_code_points(result)) append_lower(c, small);
    return to_utf8(small);
  });
}

template <typename T>
Pointer make(const JsonObject& json) {
  return std::make_unique<T>(json);
}

} // namespace

Pointer make_normalizer(const JsonObject& json) {
  static const std::unordered_map<std::string, Pointer (*)(const JsonObject&)> makers{
      {"Sequence", make<SequenceNormalizer>},
      {"NFC", make_form<NormalForm::nfc>},
      {"NFD", make_form<NormalForm::nfd>},
      {"NFKC", make_form<NormalForm::nfkc>},
      {"NFKD", make_form<NormalForm::nfkd>},
      {"Lowercase", make_lowercase},
      {"StripAccents", make_strip_accents},
      {"Strip", make_strip},
      {"Replace", make<ReplaceNormalizer>},
      {"Prepend", make_prepend},
      {"ByteLevel", make_byte_level},
      {"Nmt", make_nmt},
      {"Precompiled", make<PrecompiledNormalizer>},
      {"BertNormalizer", make_bert},
      {"SentencePiece", make_sentencepiece_normalizer},
  };
  return maker_of(makers, json, "a normalizer")(json);
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The pre-tokenizers of tokenizer.json; a new one is a class and a row of the table below.
#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/split_behavior.h"
#include "core/text/stage_json.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia {

const char* const gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

using Pointer = std::unique_ptr<PreTokenizer>;
using Pieces = std::vector<TextPiece>;

// One that treats every piece by itself: bounds of its parts in the (possibly rewritten) text.
class PieceSplitter : public PreTokenizer {
 public:
  Pieces split(Pieces pieces) const override {
    Pieces out;
    for (TextPiece& piece : pieces) {
      rewrite(piece);
      for (const TextRange& part : parts(piece.text))
        if (part.end > part.begin)
          out.push_back(
              {piece.text.substr(part.begin, part.end - part.begin), piece.at_start && part.begin == 0});
    }
    return out;
  }

 private:
  virtual void rewrite(TextPiece&) const {}
  virtual std::vector<TextRange> parts(const std::string& text) const = 0;
};

// Splits at the matches of a regex.
class RegexSplit : public PieceSplitter {
 public:
  RegexSplit(const std::string& pattern, SplitBehavior behavior, bool invert, const std::string& origin)
      : pattern_(pattern, origin)
      , behavior_(behavior)
      , invert_(invert) {}

 private:
  std::vector<TextRange> parts(const std::string& text) const override {
    return split_at(marked(text, pattern_.matches(text), invert_), behavior_);
  }
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Splits at single characters.
class CharacterSplit : public PieceSplitter {
 public:
  using Test = std::function<bool(char32_t)>;
  CharacterSplit(Test test, SplitBehavior behavior)
      : test_(std::move(test))
      , behavior_(behavior) {}

 private:
  std::vector<TextRange> parts(const std::string& text) const override {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (std::size_t i = 0; i < text.size();) {
      const Utf8Character c = read_utf8(text, i);
      if (test_(c.code_point)) found.emplace_back(i, i + c.length);
      i += c.length;
    }
    return split_at(marked(text, found, false), behavior_);
  }
  Test test_;
  SplitBehavior behavior_;
};

// Parts of so many characters.
class FixedLength : public PieceSplitter {
 public:
  explicit FixedLength(const JsonObject& json)
      : length_(json.count_or("length", 1, 1u << 20, 5)) {}

 private:
  std::vector<TextRange> parts(const std::string& text) const override {
    std::vector<TextRange> parts;
    std::size_t begin = 0, characters = 0;
    for (std::size_t i = 0; i < text.size();) {
      i += read_utf8(text, i).length;
      if (++characters % length_ != 0 && i < text.size()) continue;
      parts.push_back({begin, i});
      begin = i;
    }
    return parts;
  }
  std::size_t length_;
};

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<Pointer> parts)
      : parts_(std::move(parts)) {}
  Pieces split(Pieces pieces) const override {
    for (const auto& part : parts_) pieces = part->split(std::move(pieces));
    return pieces;
  }

 private:
  std::vector<Pointer> parts_;
};

class ByteLevelPreTokenizer : public PieceSplitter {
 public:
  explicit ByteLevelPreTokenizer(const JsonObject& json)
      : prefix_space_(json.boolean_or("add_prefix_space", true)) {
    if (json.boolean_or("use_regex", true)) pattern_.emplace(gpt2_pattern, json.origin());
  }

  Pieces split(Pieces pieces) const override {
    pieces = PieceSplitter::split(std::move(pieces));
    for (TextPiece& piece : pieces) piece.text = to_byte_alphabet(piece.text);
    return pieces;
  }

 private:
  void rewrite(TextPiece& piece) const override {
    if (prefix_space_ && !piece.text.starts_with(' ')) piece.text.insert(0, 1, ' ');
  }
  std::vector<TextRange> parts(const std::string& text) const override {
    if (!pattern_) return {{0, text.size()}};
    return split_at(marked(text, pattern_->matches(text), false), SplitBehavior::isolated);
  }
  bool prefix_space_;
  std::optional<Regex> pattern_;
};

class Metaspace : public PieceSplitter {
 public:
  explicit Metaspace(const JsonObject& json)
      : mark_(json.string_or("replacement", "\u2581"))
      , scheme_(
            json.string_or("prepend_scheme", json.boolean_or("add_prefix_space", true) ? "always" : "never"))
      , split_(json.boolean_or("split", true)) {
    if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never")
      throw Error(ErrorKind::unsupported,
                  json.origin() + ": the Metaspace prepend_scheme \"" + scheme_ + "\" is not supported");
  }

 private:
  void rewrite(TextPiece& piece) const override {
    std::string out;
    for (const char c : piece.text) {
      if (c == ' ')
        out += mark_;
      else
        out += c;
    }
    const bool prefix = scheme_ == "always" || (scheme_ == "first" && piece.at_start);
    piece.text = prefix && !out.starts_with(mark_) ? mark_ + out : out;
  }
  std::vector<TextRange> parts(const std::string& text) const override {
    if (!split_) return {{0, text.size()}};
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (auto at = text.find(mark_); at != std::string::npos; at = text.find(mark_, at + mark_.size()))
      found.emplace_back(at, at + mark_.size());
    return split_at(marked(text, found, false), SplitBehavior::merged_with_next);
  }
  std::string mark_, scheme_;
  bool split_;
};

SplitBehavior behavior_of(const JsonObject& json, SplitBehavior fallback) {
  return json.has("behavior") ? parse_split_behavior(json.string("behavior"), json.origin()) : fallback;
}

Pointer characters(CharacterSplit::Test test, SplitBehavior behavior) {
  return std::make_unique<CharacterSplit>(std::move(test), behavior);
}

bool is_punctuation_or_symbol(char32_t c) { // ASCII's symbols count as punctuation
  if (c >= 0x80) return is_punctuation(c);
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

Pointer make_split(const JsonObject& json) {
  return std::make_unique<RegexSplit>(pattern_of(json), behavior_of(json, SplitBehavior::isolated),
                                      json.boolean_or("invert", false), json.origin());
}

Pointer make_digits(const JsonObject& json) {
  return characters(is_number, json.boolean_or("individual_digits", false) ? SplitBehavior::isolated
                                                                           : SplitBehavior::contiguous);
}

Pointer make_punctuation(const JsonObject& json) {
  return characters(is_punctuation_or_symbol, behavior_of(json, SplitBehavior::isolated));
}

Pointer make_whitespace(const JsonObject& json) {
  // \w+|[^\w\s]+ of Rust's regex, whose words hold joiners too and are not those of Oniguruma.
  const std::string word =
      R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149})"
      R"(\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
  return std::make_unique<RegexSplit>("[" + word + "]+|[^" + word + "\\s]+", SplitBehavior::removed, true,
                                      json.origin());
}

Pointer make_whitespace_split(const JsonObject&) {
  return characters(is_white_space, SplitBehavior::removed);
}

Pointer make_bert(const JsonObject&) {
  std::vector<Pointer> parts;
  parts.push_back(characters(is_white_space, SplitBehavior::removed));
  parts.push_back(characters(is_punctuation_or_symbol, SplitBehavior::isolated));
  return std::make_unique<SequencePreTokenizer>(std::move(parts));
}

Pointer make_delimiter(const JsonObject& json) {
  const std::u32string delimiter = to_code_points(json.string("delimiter"));
  if (delimiter.size() != 1) throw input_error(json.origin() + ": field \"delimiter\" is not one character");
  return characters([c = delimiter[0]](char32_t other) { return other == c; }, SplitBehavior::removed);
}

Pointer make_sequence(const JsonObject& json) {
  std::vector<Pointer> parts;
  for (const Json& part : list_of(json, "pretokenizers"))
    parts.push_back(make_pre_tokenizer(JsonObject(part, json.origin())));
  return std::make_unique<SequencePreTokenizer>(std::move(parts));
}

template <typename T>
Pointer make(const JsonObject& json) {
  return std::make_unique<T>(json);
}

} // namespace

Pointer make_pre_tokenizer(const JsonObject& json) {
  static const std::unordered_map<std::string, Pointer (*)(const JsonObject&)> makers{
      {"Sequence", make_sequence},
      {"Split", make_split},
      {"ByteLevel", make<ByteLevelPreTokenizer>},
      {"Metaspace", make<Metaspace>},
      {"Digits", make_digits},
      {"Punctuation", make_punctuation},
      {"Whitespace", make_whitespace},
      {"WhitespaceSplit", make_whitespace_split},
      {"BertPreTokenizer", make_bert},
      {"CharDelimiterSplit", make_delimiter},
      {"FixedLength", make<FixedLength>},
  };
  return maker_of(makers, json, "a pre-tokenizer")(json);
}

} // namespace intarsia

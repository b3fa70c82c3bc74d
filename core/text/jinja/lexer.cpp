// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/text/jinja/string_literal.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

constexpr int max_bracket_depth = 500;

bool is_digit_character(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit_character(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// One kind of line end, and none at the end of the template.
std::string with_plain_line_ends(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::size_t space_at(std::string_view text, std::size_t position) { // bytes of a white-space character, or 0
  const Utf8Character c = read_utf8(text, position);
  return c.valid && is_python_space(c.code_point) ? c.length : 0;
}

void strip_right(std::string& text) {
  for (;;) {
    std::size_t start = text.size();
    while (start > 0 && (static_cast<unsigned char>(text[start - 1]) & 0xC0) == 0x80) --start;
    if (start == 0 || !space_at(text, start - 1)) return;
    text.resize(start - 1);
  }
}

bool is_blank(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = space_at(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source)
      : text_(with_plain_line_ends(source))
      , source_(text_) {}

  std::vector<Token> run() {
    while (position_ < source_.size()) {
      read_text();
      if (position_ >= source_.size()) break;
      if (source_[position_ + 1] == '#')
        skip_comment();
      else if (!read_raw())
        read_tag();
    }
    push(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error("chat template, line " + std::to_string(line_) + ": " + what);
  }

  void push(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  bool at(std::string_view text) const { return source_.substr(position_).starts_with(text); }
  char peek(std::size_t ahead) const {
    return position_ + ahead < source_.size() ? source_[position_ + ahead] : '\0';
  }
  void advance(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (source_[position_++] == '\n') ++line_;
  }
  void skip_space() {
    while (position_ < source_.size()) {
      const std::size_t length = space_at(source_, position_);
      if (length == 0) return;
      advance(length);
    }
  }

  std::size_t next_tag() const {
    for (std::size_t i = position_; i + 1 < source_.size(); ++i)
      if (source_[i] == '{' && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#'))
        return i;
    return source_.size();
  }

  // Text up to `end`, where a tag with this sign begins: "-" takes the white space before it; blocks and
  // comments that stand alone on their line take the blanks before them (lstrip_blocks) unless "+" keeps
  // them.
  void push_text(std::size_t end, char sign, bool is_output) {
    std::string text(source_.substr(position_, end - position_));
    if (sign == '-') {
      strip_right(text);
    } else if (sign != '+' && !is_output) {
      const std::size_t line_start = text.rfind('\n') + 1; // 0 when there is none
      const bool at_line_start = line_start > 0 || position_ == 0 || source_[position_ - 1] == '\n';
      if (at_line_start && is_blank(std::string_view(text).substr(line_start))) text.resize(line_start);
    }
    if (!text.empty()) push(Token::Kind::text, text);
    advance(end - position_);
  }

  void read_text() {
    const std::size_t tag = next_tag();
    if (tag == source_.size()) return push_text(tag, '+', true);
    push_text(tag, tag + 2 < source_.size() ? source_[tag + 2] : '\0', source_[tag + 1] == '{');
  }

  // "-" before a closing delimiter takes the white space behind it; else blocks and comments take one line
  // end (trim_blocks), unless "+" keeps it.
  void close(std::size_t delimiter, char sign, bool is_output) {
    advance(delimiter);
    if (sign == '-')
      skip_space();
    else if (!is_output && sign != '+' && at("\n"))
      advance(1);
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", position_ + 2);
    if (end == std::string_view::npos) fail("a comment is not closed");
    const char sign = end > position_ + 2 ? source_[end - 1] : '\0';
    advance(end - position_);
    close(2, sign, false);
  }

  // The position behind "{%- word -%}" when such a tag starts at `start`, else 0; its signs.
  std::size_t plain_tag(std::size_t start, std::string_view word, char& open_sign, char& close_sign) const {
    std::size_t i = start + 2;
    const auto skip = [&] {
      while (i < source_.size() && space_at(source_, i)) i += space_at(source_, i);
    };
    open_sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i++] : '\0';
    skip();
    if (!source_.substr(i).starts_with(word)) return 0;
    i += word.size();
    skip();
    close_sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i++] : '\0';
    return source_.substr(i).starts_with("%}") ? i + 2 : 0;
  }

  bool read_raw() {
    char open_sign = 0, close_sign = 0;
    if (source_[position_ + 1] != '%') return false;
    const std::size_t begin = plain_tag(position_, "raw", open_sign, close_sign);
    if (begin == 0) return false;
    advance(begin - position_);
    if (close_sign == '-') skip_space();
    for (std::size_t at = position_; (at = source_.find("{%", at)) != std::string_view::npos; ++at) {
      const std::size_t end = plain_tag(at, "endraw", open_sign, close_sign);
      if (end == 0) continue;
      push_text(at, open_sign, false);
      advance(end - position_);
      close(0, close_sign, false);
      return true;
    }
    fail("a raw block is not closed");
  }

  void read_tag() {
    const bool output = source_[position_ + 1] == '{';
    push(output ? Token::Kind::open_output : Token::Kind::open_block, "");
    advance(2);
    if (at("-") || at("+")) advance(1);
    const std::string_view end = output ? "}}" : "%}";
    int depth = 0; // brackets: "}}" may end two dictionaries
    for (;;) {
      skip_space();
      if (position_ >= source_.size()) fail("a tag is not closed");
      const bool signed_end =
          (at("-") || (at("+") && !output)) && source_.substr(position_ + 1).starts_with(end);
      if (depth == 0 && (signed_end || at(end))) {
        push(output ? Token::Kind::close_output : Token::Kind::close_block, "");
        const char sign = signed_end ? source_[position_] : '\0';
        return close(end.size() + (signed_end ? 1 : 0), sign, output);
      }
      read_token();
      if (tokens_.back().kind == Token::Kind::symbol) {
        const char bracket = tokens_.back().text[0];
        if ((bracket == '{' || bracket == '[' || bracket == '(') && ++depth > max_bracket_depth)
          fail("too deeply nested");
        if (bracket == '}' || bracket == ']' || bracket == ')') depth = std::max(0, depth - 1);
      }
    }
  }

  void read_token() {
    const char c = source_[position_];
    if (c == '\'' || c == '"') return read_string(c);
    if (is_digit_character(c)) return read_number();
    if (is_name(c)) {
      std::size_t end = position_;
      while (end < source_.size() && is_name(source_[end])) ++end;
      push(Token::Kind::name, std::string(source_.substr(position_, end - position_)));
      return advance(end - position_);
    }
    constexpr std::array<std::string_view, 26> symbols{"==", "!=", "<=", ">=", "//", "**", "+", "-", "*",
                                                       "/",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                                       ",",  ".",  ":",  "|",  "=",  "<",  ">", ";"};
    for (const std::string_view symbol : symbols)
      if (at(symbol)) {
        push(Token::Kind::symbol, std::string(symbol));
        return advance(symbol.size());
      }
    fail(std::string("an unexpected character \"") + c + "\"");
  }

  // Digits with single underscores between them, from `i` on.
  std::size_t skip_digits(std::size_t i) const {
    while (is_digit_character(peek(i)) || (peek(i) == '_' && is_digit_character(peek(i + 1)))) ++i;
    return i;
  }

  void read_number() {
    std::size_t length = 0;
    bool real = false;
    const char radix = char(peek(1) | 0x20);
    if (peek(0) == '0' && (radix == 'x' || radix == 'o' || radix == 'b') && std::isxdigit(peek(2))) {
      length = 2;
      while (std::isxdigit(static_cast<unsigned char>(peek(length))) || peek(length) == '_') ++length;
    } else {
      length = skip_digits(0);
      // "a.0.1": behind a point a number is an index.
      const bool index =
          !tokens_.empty() && tokens_.back().kind == Token::Kind::symbol && tokens_.back().text == ".";
      if (!index && peek(length) == '.' && is_digit_character(peek(length + 1))) {
        real = true;
        length = skip_digits(length + 1);
      }
      const std::size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 1 : 0;
      if (!index && (peek(length) | 0x20) == 'e' && is_digit_character(peek(length + 1 + sign))) {
        real = true;
        length = skip_digits(length + 1 + sign);
      }
    }
    std::string digits(source_.substr(position_, length));
    std::erase(digits, '_');
    if (digits.size() > 60) fail("a number has too many digits");
    push(real ? Token::Kind::real : Token::Kind::integer, digits);
    advance(length);
  }

  void read_string(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string is not closed");
    const auto text = string_of_literal(source_.substr(position_ + 1, end - position_ - 1));
    if (!text)
      fail("a string has an escape that is no character, or names one with \\N{…}, which is not supported");
    push(Token::Kind::string, *text);
    advance(end + 1 - position_);
  }

  std::string text_;
  std::string_view source_;
  std::size_t position_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

} // namespace intarsia::jinja

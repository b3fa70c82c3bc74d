// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Lexer {
 public:
  explicit Lexer(std::string_view source)
      : source_(source) {
    if (source_.ends_with('\n')) source_.remove_suffix(1); // Jinja drops one newline at the end
  }

  std::vector<Token> run() {
    while (position_ < source_.size()) {
      read_text();
      if (position_ >= source_.size()) break;
      if (source_[position_ + 1] == '#')
        skip_comment();
      else
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
  void advance(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (source_[position_++] == '\n') ++line_;
  }

  std::size_t next_tag() const {
    for (std::size_t i = position_; i + 1 < source_.size(); ++i)
      if (source_[i] == '{' && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#'))
        return i;
    return source_.size();
  }

  void read_text() {
    const std::size_t tag = next_tag();
    std::string text(source_.substr(position_, tag - position_));
    const std::size_t start = position_;
    if (strip_next_) text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
    strip_next_ = false;
    if (tag < source_.size()) {
      const bool control = tag + 2 < source_.size() && source_[tag + 2] == '-';
      if (control)
        while (!text.empty() && is_space(text.back())) text.pop_back();
      else if (source_[tag + 1] != '{' && !(tag + 2 < source_.size() && source_[tag + 2] == '+'))
        strip_line_start(text, start);
    }
    if (!text.empty()) push(Token::Kind::text, text);
    advance(tag - position_);
  }

  // lstrip_blocks: only when nothing but blanks stands between the line's start and the block.
  void strip_line_start(std::string& text, std::size_t start) const {
    std::size_t end = text.size();
    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
    const bool at_line_start = end > 0 ? text[end - 1] == '\n' : start == 0 || source_[start - 1] == '\n';
    if (at_line_start) text.resize(end);
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", position_ + 2);
    if (end == std::string_view::npos) fail("a comment is not closed");
    strip_next_ = source_[end - 1] == '-' && end > position_ + 2;
    advance(end + 2 - position_);
    trim_newline();
  }

  void trim_newline() {
    if (!strip_next_ && position_ < source_.size() && source_[position_] == '\n') advance(1);
  }

  void read_tag() {
    const bool output = source_[position_ + 1] == '{';
    push(output ? Token::Kind::open_output : Token::Kind::open_block, "");
    advance(2);
    if (at("-") || at("+")) advance(1);
    const std::string_view close = output ? "}}" : "%}";
    int depth = 0; // braces of dictionaries: "}}" may end two of them
    for (;;) {
      while (position_ < source_.size() && is_space(source_[position_])) advance(1);
      if (position_ >= source_.size()) fail("a tag is not closed");
      const bool dashed = at("-") && source_.substr(position_ + 1).starts_with(close);
      if (depth == 0 && (dashed || at(close))) {
        strip_next_ = dashed;
        push(output ? Token::Kind::close_output : Token::Kind::close_block, "");
        advance(close.size() + (dashed ? 1 : 0));
        if (!output) trim_newline();
        return;
      }
      read_token();
      if (tokens_.back().kind == Token::Kind::symbol) {
        if (tokens_.back().text == "{") ++depth;
        if (tokens_.back().text == "}") --depth;
      }
    }
  }

  void read_token() {
    const char c = source_[position_];
    if (c == '\'' || c == '"') return read_string(c);
    if (is_digit(c)) return read_number();
    if (is_name(c)) {
      std::size_t end = position_;
      while (end < source_.size() && is_name(source_[end])) ++end;
      push(Token::Kind::name, std::string(source_.substr(position_, end - position_)));
      return advance(end - position_);
    }
    constexpr std::array<std::string_view, 25> symbols{"==", "!=", "<=", ">=", "//", "**", "+", "-", "*",
                                                       "/",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                                       ",",  ".",  ":",  "|",  "=",  "<",  ">"};
    for (const std::string_view symbol : symbols)
      if (at(symbol)) {
        push(Token::Kind::symbol, std::string(symbol));
        return advance(symbol.size());
      }
    fail(std::string("an unexpected character \"") + c + "\"");
  }

  void read_number() {
    std::size_t end = position_;
    while (end < source_.size() && is_digit(source_[end])) ++end;
    bool real = false;
    if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      real = true;
      ++end;
      while (end < source_.size() && is_digit(source_[end])) ++end;
    }
    if (end - position_ > 18) fail("a number has too many digits");
    push(real ? Token::Kind::real : Token::Kind::integer,
         std::string(source_.substr(position_, end - position_)));
    advance(end - position_);
  }

  void read_string(char quote) {
    std::string text;
    std::size_t i = position_ + 1;
    for (; i < source_.size() && source_[i] != quote; ++i) {
      if (source_[i] != '\\' || i + 1 >= source_.size()) {
        text += source_[i];
        continue;
      }
      const char escaped = source_[++i];
      if (escaped == 'n')
        text += '\n';
      else if (escaped == 't')
        text += '\t';
      else if (escaped == 'r')
        text += '\r';
      else if (escaped == 'u' && i + 4 < source_.size()) {
        append_utf8(char32_t(std::stoul("0" + hex_digits(i + 1), nullptr, 16)), text);
        i += 4;
      } else if (escaped == '\\' || escaped == '\'' || escaped == '"')
        text += escaped;
      else
        (text += '\\') += escaped;
    }
    if (i >= source_.size()) fail("a string is not closed");
    push(Token::Kind::string, text);
    advance(i + 1 - position_);
  }

  std::string hex_digits(std::size_t start) const {
    std::string digits(source_.substr(start, 4));
    for (const char c : digits)
      if (!std::isxdigit(static_cast<unsigned char>(c))) fail("\\u needs four hexadecimal digits");
    return digits;
  }

  std::string_view source_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool strip_next_ = false; // the tag before ended with "-"
  std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

} // namespace intarsia::jinja

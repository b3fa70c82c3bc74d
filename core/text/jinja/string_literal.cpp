// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/jinja/string_literal.h"

#include <algorithm>
#include <charconv>

#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

class Literal {
 public:
  explicit Literal(std::string_view text)
      : text_(text) {}

  std::optional<std::string> run() {
    while (at_ < text_.size() && valid_) {
      if (text_[at_] != '\\' || at_ + 1 >= text_.size())
        out_ += text_[at_++];
      else
        escape();
    }
    return valid_ ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  void escape() {
    constexpr std::string_view letters = "\\'\"abfnrtv", values = "\\'\"\a\b\f\n\r\t\v";
    const char c = text_[at_ + 1];
    at_ += 2;
    if (const auto found = letters.find(c); found != std::string_view::npos) {
      out_ += values[found];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      append(code(c == 'x' ? 2 : c == 'u' ? 4 : 8, 16));
    } else if (c >= '0' && c <= '7') {
      --at_;
      const auto end = text_.find_first_not_of("01234567", at_);
      append(code(std::min<std::size_t>(3, std::min(end, text_.size()) - at_), 8));
    } else if (c == 'N') { // a character by its name in Unicode, which is not known here
      valid_ = false;
    } else if (c != '\n') { // a line end behind a backslash is left out
      out_ += '\\';
      out_ += c;
    }
  }

  void append(char32_t c) { // the two halves of a surrogate pair make one character
    if (c >= 0xD800 && c < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      at_ += 2;
      const char32_t low = code(4, 16);
      valid_ = valid_ && low >= 0xDC00 && low < 0xE000;
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    valid_ = valid_ && c <= 0x10FFFF && !(c >= 0xD800 && c < 0xE000);
    if (valid_) append_utf8(c, out_);
  }

  char32_t code(std::size_t digits, int base) {
    std::uint32_t value = 0;
    const auto part = text_.substr(std::min(at_, text_.size()), digits);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    valid_ = valid_ && error == std::errc() && part.size() == digits && end == part.data() + digits;
    at_ += digits;
    return value;
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  bool valid_ = true;
};

} // namespace

std::optional<std::string> string_of_literal(std::string_view literal) { return Literal(literal).run(); }

} // namespace intarsia::jinja

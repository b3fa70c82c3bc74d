// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The tokens of a template, one at a time, for the parsers of expressions and statements.
#pragma once

#include <algorithm>

#include "core/base/error.h"
#include "core/text/jinja/lexer.h"

namespace intarsia::jinja {

constexpr int max_nesting = 100; // of expressions and blocks, for the parser's own stack

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  struct Depth { // one nesting level, given back at the end of the scope
    explicit Depth(TokenStream& s)
        : stream(s) {
      if (++stream.depth_ > max_nesting) stream.fail("too deeply nested");
    }
    ~Depth() { --stream.depth_; }
    TokenStream& stream;
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::unsupported, "chat template, line " + std::to_string(line()) + ": " + what);
  }

  int line() const { return peek().line; }
  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
  }
  Token take() { return tokens_[std::min(position_++, tokens_.size() - 1)]; }
  bool is(Token::Kind kind) const { return peek().kind == kind; }
  bool is(Token::Kind kind, std::string_view text) const { return is(kind) && peek().text == text; }
  bool is_symbol(std::string_view text) const { return is(Token::Kind::symbol, text); }
  bool is_name(std::string_view text) const { return is(Token::Kind::name, text); }
  bool accept_symbol(std::string_view text) { return is_symbol(text) && (++position_, true); }
  bool accept_name(std::string_view text) { return is_name(text) && (++position_, true); }
  void expect_symbol(const std::string& text) {
    if (!accept_symbol(text)) fail("expected \"" + text + "\" before \"" + peek().text + "\"");
  }
  std::string expect_name() {
    if (!is(Token::Kind::name)) fail("expected a name before \"" + peek().text + "\"");
    return take().text;
  }

 private:
  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

} // namespace intarsia::jinja

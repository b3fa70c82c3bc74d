// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Statements: {% … %}.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/text/jinja/expression_parser.h"

namespace intarsia::jinja {
namespace {

using Kind = Statement::Kind;
using Ends = std::vector<std::string_view>;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens)
      : tokens_(std::move(tokens))
      , expressions_(tokens_) {}

  Body run() {
    Body body = parse_body({});
    if (!tokens_.is(Token::Kind::end)) tokens_.fail("an unexpected end of a block");
    return body;
  }

 private:
  bool at_end(const Ends& ends) const {
    return tokens_.is(Token::Kind::open_block) && tokens_.peek(1).kind == Token::Kind::name &&
           std::find(ends.begin(), ends.end(), tokens_.peek(1).text) != ends.end();
  }

  Body parse_body(const Ends& ends) {
    const TokenStream::Depth depth(tokens_);
    Body body;
    while (!tokens_.is(Token::Kind::end) && !at_end(ends)) {
      if (tokens_.is(Token::Kind::text)) {
        Statement text = statement(Kind::text);
        text.text = tokens_.take().text;
        body.push_back(std::move(text));
      } else if (tokens_.is(Token::Kind::open_output)) {
        body.push_back(parse_output());
      } else if (tokens_.is(Token::Kind::open_block)) {
        tokens_.take();
        body.push_back(parse_block());
      } else {
        tokens_.fail("unexpected \"" + tokens_.peek().text + "\"");
      }
    }
    if (!ends.empty() && tokens_.is(Token::Kind::end))
      tokens_.fail("a block is not closed: \"" + std::string(ends.back()) + "\" is missing");
    return body;
  }

  void close_block() {
    if (!tokens_.is(Token::Kind::close_block))
      tokens_.fail("unexpected \"" + tokens_.peek().text + "\" in a block");
    tokens_.take();
  }

  std::string take_end() { // "{% elif", its name
    tokens_.take();
    return tokens_.take().text;
  }

  // The body up to its end tag, both ends of which are closed.
  Body parse_closed_body(std::string_view end) {
    close_block();
    Body body = parse_body({end});
    take_end();
    close_block();
    return body;
  }

  Statement statement(Kind kind) const {
    Statement result;
    result.kind = kind;
    result.line = tokens_.line();
    return result;
  }

  Statement parse_output() {
    tokens_.take();
    Statement output = statement(Kind::output);
    output.expression = expressions_.parse_tuple();
    if (!tokens_.is(Token::Kind::close_output))
      tokens_.fail("unexpected \"" + tokens_.peek().text + "\" in an output");
    tokens_.take();
    return output;
  }

  Statement parse_block() {
    using Handler = Statement (Parser::*)();
    static const std::unordered_map<std::string, Handler> handlers{
        {"if", &Parser::parse_if},
        {"for", &Parser::parse_for},
        {"set", &Parser::parse_set},
        {"macro", &Parser::parse_macro},
        {"call", &Parser::parse_call},
        {"filter", &Parser::parse_filter},
        {"with", &Parser::parse_with},
        {"block", &Parser::parse_named_block},
        {"autoescape", &Parser::parse_autoescape},
        {"generation", &Parser::parse_generation},
        {"include", &Parser::parse_missing},
        {"import", &Parser::parse_missing},
        {"from", &Parser::parse_missing},
        {"extends", &Parser::parse_missing},
        {"break", &Parser::parse_stop},
        {"continue", &Parser::parse_next},
    };
    const std::string word = tokens_.expect_name();
    const auto handler = handlers.find(word);
    if (handler == handlers.end()) tokens_.fail("the tag \"" + word + "\" is not supported");
    return (this->*handler->second)();
  }

  Statement parse_stop() {
    Statement jump = statement(Kind::stop);
    close_block();
    return jump;
  }
  Statement parse_next() {
    Statement jump = statement(Kind::next);
    close_block();
    return jump;
  }

  Statement parse_generation() { // transformers' mark for training; it prints its body
    Statement block = statement(Kind::scope);
    block.body = parse_closed_body("endgeneration");
    return block;
  }

  Statement parse_named_block() {
    Statement block = statement(Kind::block);
    tokens_.expect_name();
    if (tokens_.accept_name("scoped")) block.kind = Kind::scope;
    tokens_.accept_name("required");
    close_block();
    block.body = parse_body({"endblock"});
    take_end();
    if (tokens_.is(Token::Kind::name)) tokens_.take();
    close_block();
    return block;
  }

  Statement parse_autoescape() {
    Statement scope = statement(Kind::scope);
    const auto on = expressions_.parse();
    const bool off = on->kind == Expression::Kind::literal && !truthy(on->value);
    scope.body = parse_closed_body("endautoescape");
    if (off) return scope;
    scope.kind = Kind::refuse;
    scope.text = "escapes its text automatically, which is not supported";
    return scope;
  }

  // There is no other template to load, here as in transformers: an error once it is reached.
  Statement parse_missing() {
    Statement missing = statement(Kind::refuse);
    missing.text = "asks for another template, and there is none to load";
    while (!tokens_.is(Token::Kind::close_block) && !tokens_.is(Token::Kind::end)) tokens_.take();
    close_block();
    return missing;
  }

  Statement parse_if() {
    Statement condition = statement(Kind::condition);
    condition.expression = expressions_.parse_tuple();
    close_block();
    condition.body = parse_body({"elif", "else", "endif"});
    const std::string end = take_end();
    if (end == "elif") {
      const TokenStream::Depth depth(tokens_);
      condition.otherwise.push_back(parse_if());
      return condition;
    }
    if (end == "else")
      condition.otherwise = parse_closed_body("endif");
    else
      close_block();
    return condition;
  }

  Target parse_target() { // a name, "(a, b)", or a namespace's field
    const TokenStream::Depth depth(tokens_);
    Target target;
    if (tokens_.accept_symbol("(")) {
      target = parse_targets();
      tokens_.expect_symbol(")");
      return target;
    }
    target.name = tokens_.expect_name();
    if (tokens_.accept_symbol(".")) target.field = tokens_.expect_name();
    return target;
  }

  Target parse_targets() { // "a" or "a, b"
    Target first = parse_target();
    if (!tokens_.is_symbol(",")) return first;
    Target tuple;
    tuple.parts.push_back(std::move(first));
    while (tokens_.accept_symbol(",")) {
      if (!tokens_.is(Token::Kind::name) && !tokens_.is_symbol("(")) break;
      if (tokens_.is_name("in")) break;
      tuple.parts.push_back(parse_target());
    }
    return tuple;
  }

  Statement parse_for() {
    Statement loop = statement(Kind::loop);
    loop.targets.push_back(parse_targets());
    if (!tokens_.accept_name("in")) tokens_.fail("expected \"in\"");
    loop.expression = expressions_.parse_tuple(false); // a condition would swallow the loop's "if"
    if (tokens_.accept_name("if")) loop.filter = expressions_.parse();
    loop.recursive = tokens_.accept_name("recursive");
    close_block();
    loop.body = parse_body({"else", "endfor"});
    if (take_end() == "else")
      loop.otherwise = parse_closed_body("endfor");
    else
      close_block();
    return loop;
  }

  Statement parse_set() {
    Statement set = statement(Kind::assign);
    set.targets.push_back(parse_targets());
    if (tokens_.accept_symbol("=")) {
      set.expression = expressions_.parse_tuple();
      close_block();
      return set;
    }
    set.kind = Kind::capture;
    set.expression = expressions_.parse_filters_of_block();
    set.body = parse_closed_body("endset");
    return set;
  }

  Statement parse_filter() {
    Statement filter = statement(Kind::filter);
    filter.expression = expressions_.parse_filter_chain_named();
    filter.body = parse_closed_body("endfilter");
    return filter;
  }

  Statement parse_with() {
    Statement with = statement(Kind::with);
    while (!tokens_.is(Token::Kind::close_block)) {
      if (!with.targets.empty()) tokens_.expect_symbol(",");
      with.targets.push_back(parse_target());
      tokens_.expect_symbol("=");
      with.values.push_back(expressions_.parse());
    }
    with.body = parse_closed_body("endwith");
    return with;
  }

  Signature parse_signature() { // behind its "("
    Signature signature;
    while (!tokens_.accept_symbol(")")) {
      Parameter parameter;
      parameter.name = tokens_.expect_name();
      if (tokens_.accept_symbol("=")) parameter.fallback = expressions_.parse();
      signature.parameters.push_back(std::move(parameter));
      if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
    }
    return signature;
  }

  // A macro may be given more than its parameters only when its body names varargs, kwargs or caller.
  Body parse_callable_body(Signature& signature, std::string_view end) {
    const auto outside = expressions_.take_special_names();
    Body body = parse_closed_body(end);
    const auto inside = expressions_.take_special_names();
    signature.takes_caller = inside.contains("caller");
    signature.takes_more = inside.contains("varargs");
    signature.takes_named = inside.contains("kwargs");
    expressions_.put_back_special_names(outside);
    expressions_.put_back_special_names(inside);
    return body;
  }

  Statement parse_macro() {
    Statement macro = statement(Kind::macro);
    macro.text = tokens_.expect_name();
    tokens_.expect_symbol("(");
    macro.signature = parse_signature();
    macro.body = parse_callable_body(macro.signature, "endmacro");
    return macro;
  }

  Statement parse_call() {
    Statement call = statement(Kind::call);
    if (tokens_.accept_symbol("(")) call.signature = parse_signature();
    call.expression = expressions_.parse_call_target();
    call.body = parse_callable_body(call.signature, "endcall");
    return call;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
};

} // namespace

Body parse_template(const std::string& source) { return Parser(tokenize(source)).run(); }

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/text/jinja/lexer.h"
#include "core/text/jinja/syntax.h"

namespace intarsia::jinja {
namespace {

using Kind = Expression::Kind;
constexpr int deepest = 100;               // nesting of expressions and blocks
constexpr int highest_tree = 300;          // of expressions
constexpr std::size_t largest_dict = 1000; // written out; keys are searched one by one

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  Body run() {
    Body body = parse_body({});
    if (peek().kind != Token::Kind::end) fail("an unexpected end of a block");
    return body;
  }

 private:
  struct Depth { // one nesting level, given back at the end of the scope
    explicit Depth(Parser& p)
        : parser(p) {
      if (++parser.depth_ > deepest) parser.fail("too deeply nested");
    }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::unsupported, "chat template, line " + std::to_string(peek().line) + ": " + what);
  }

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
  }
  Token take() { return tokens_[std::min(position_++, tokens_.size() - 1)]; }
  bool is(Token::Kind kind, std::string_view text) const {
    return peek().kind == kind && peek().text == text;
  }
  bool is_symbol(std::string_view text) const { return is(Token::Kind::symbol, text); }
  bool is_name(std::string_view text) const { return is(Token::Kind::name, text); }
  bool accept(Token::Kind kind, std::string_view text) {
    if (!is(kind, text)) return false;
    take();
    return true;
  }
  bool accept_symbol(std::string_view text) { return accept(Token::Kind::symbol, text); }
  bool accept_name(std::string_view text) { return accept(Token::Kind::name, text); }
  void expect_symbol(const std::string& text) {
    if (!accept_symbol(text)) fail("expected \"" + text + "\" before \"" + peek().text + "\"");
  }
  std::string expect_name() {
    if (peek().kind != Token::Kind::name) fail("expected a name before \"" + peek().text + "\"");
    return take().text;
  }
  void close_block() {
    if (peek().kind != Token::Kind::close_block) fail("unexpected \"" + peek().text + "\" in a block");
    take();
  }

  // --- statements ---

  using Ends = std::vector<std::string_view>;
  bool at_end(const Ends& ends) const {
    return peek().kind == Token::Kind::open_block &&
           std::any_of(ends.begin(), ends.end(), [&](std::string_view end) {
             return peek(1).kind == Token::Kind::name && peek(1).text == end;
           });
  }

  Body parse_body(const Ends& ends) {
    const Depth depth(*this);
    Body body;
    while (peek().kind != Token::Kind::end && !at_end(ends)) {
      if (peek().kind == Token::Kind::text) {
        Statement text;
        text.text = take().text;
        body.push_back(std::move(text));
      } else if (peek().kind == Token::Kind::open_output) {
        body.push_back(parse_output());
      } else if (peek().kind == Token::Kind::open_block) {
        take();
        body.push_back(parse_block());
      } else {
        fail("unexpected \"" + peek().text + "\"");
      }
    }
    if (!ends.empty() && peek().kind == Token::Kind::end)
      fail("a block is not closed: \"" + std::string(ends.back()) + "\" is missing");
    return body;
  }

  std::string take_end(const Ends&) { // "{% elif", its name
    take();
    return take().text;
  }

  Statement statement(Statement::Kind kind) const {
    Statement result;
    result.kind = kind;
    result.line = peek().line;
    return result;
  }

  Statement parse_output() {
    take();
    Statement output = statement(Statement::Kind::output);
    output.expression = parse_expression();
    if (peek().kind != Token::Kind::close_output) fail("unexpected \"" + peek().text + "\" in an output");
    take();
    return output;
  }

  Statement parse_block() {
    const std::string word = expect_name();
    if (word == "if") return parse_if();
    if (word == "for") return parse_for();
    if (word == "set") return parse_set();
    if (word == "macro") return parse_macro();
    if (word == "break" || word == "continue") {
      Statement jump = statement(word == "break" ? Statement::Kind::stop : Statement::Kind::next);
      close_block();
      return jump;
    }
    if (word == "generation") { // transformers' mark for training; it prints its body
      close_block();
      Statement block = statement(Statement::Kind::block);
      block.body = parse_body({"endgeneration"});
      take_end({});
      close_block();
      return block;
    }
    fail("the tag \"" + word + "\" is not supported");
  }

  Statement parse_if() {
    Statement condition = statement(Statement::Kind::condition);
    condition.expression = parse_expression();
    close_block();
    condition.body = parse_body({"elif", "else", "endif"});
    const std::string end = take_end({});
    if (end == "elif") {
      const Depth depth(*this);
      condition.otherwise.push_back(parse_if());
      return condition;
    }
    close_block();
    if (end == "else") {
      condition.otherwise = parse_body({"endif"});
      take_end({});
      close_block();
    }
    return condition;
  }

  Statement parse_for() {
    Statement loop = statement(Statement::Kind::loop);
    const bool parenthesis = accept_symbol("(");
    do loop.names.push_back(expect_name());
    while (accept_symbol(","));
    if (parenthesis) expect_symbol(")");
    if (!accept_name("in")) fail("expected \"in\"");
    loop.expression = parse_or(); // a conditional expression would swallow the loop's "if"
    if (accept_name("if")) loop.filter = parse_expression();
    if (is_name("recursive")) fail("recursive loops are not supported");
    close_block();
    loop.body = parse_body({"else", "endfor"});
    if (take_end({}) == "else") {
      close_block();
      loop.otherwise = parse_body({"endfor"});
      take_end({});
    }
    close_block();
    return loop;
  }

  Statement parse_set() {
    Statement set = statement(Statement::Kind::assign);
    do set.names.push_back(expect_name());
    while (accept_symbol(","));
    if (accept_symbol(".")) set.text = expect_name();
    if (accept_symbol("=")) {
      set.expression = parse_tuple();
      close_block();
      return set;
    }
    set.kind = Statement::Kind::capture;
    close_block();
    set.body = parse_body({"endset"});
    take_end({});
    close_block();
    return set;
  }

  Statement parse_macro() {
    Statement macro = statement(Statement::Kind::macro);
    macro.text = expect_name();
    expect_symbol("(");
    while (!accept_symbol(")")) {
      macro.names.push_back(expect_name());
      macro.defaults.push_back(accept_symbol("=") ? parse_expression() : nullptr);
      if (!is_symbol(")")) expect_symbol(",");
    }
    close_block();
    macro.body = parse_body({"endmacro"});
    take_end({});
    close_block();
    return macro;
  }

  // --- expressions, loosest first ---

  ExpressionPtr node(Kind kind, std::string text = {}) const {
    auto result = std::make_unique<Expression>();
    result->kind = kind;
    result->line = peek().line;
    result->text = std::move(text);
    return result;
  }
  // Long chains ("a + b + …") nest too, without any recursion of the parser: trees stay low enough to walk.
  void adopt(Expression& parent, ExpressionPtr child) const {
    if (child) grow(parent, *child);
    parent.operands.push_back(std::move(child));
  }
  void grow(Expression& parent, const Expression& child) const {
    parent.height = std::max(parent.height, child.height + 1);
    if (parent.height > highest_tree) fail("an expression is too long");
  }
  ExpressionPtr literal(Value value) const {
    auto result = node(Kind::literal);
    result->value = std::move(value);
    return result;
  }
  ExpressionPtr binary(std::string op, ExpressionPtr left, ExpressionPtr right) const {
    auto result = node(Kind::binary, std::move(op));
    adopt(*result, std::move(left));
    adopt(*result, std::move(right));
    return result;
  }
  ExpressionPtr unary(std::string op, ExpressionPtr operand) const {
    auto result = node(Kind::unary, std::move(op));
    adopt(*result, std::move(operand));
    return result;
  }

  ExpressionPtr parse_tuple() {
    auto first = parse_expression();
    if (!is_symbol(",")) return first;
    auto tuple = node(Kind::list);
    adopt(*tuple, std::move(first));
    while (accept_symbol(",")) adopt(*tuple, parse_expression());
    return tuple;
  }

  ExpressionPtr parse_expression() {
    const Depth depth(*this);
    auto value = parse_or();
    if (!accept_name("if")) return value;
    auto condition = node(Kind::condition);
    adopt(*condition, std::move(value));
    adopt(*condition, parse_or());
    adopt(*condition, accept_name("else") ? parse_expression() : nullptr);
    return condition;
  }

  ExpressionPtr parse_or() {
    auto left = parse_and();
    while (accept_name("or")) left = binary("or", std::move(left), parse_and());
    return left;
  }
  ExpressionPtr parse_and() {
    auto left = parse_not();
    while (accept_name("and")) left = binary("and", std::move(left), parse_not());
    return left;
  }
  ExpressionPtr parse_not() {
    const Depth depth(*this);
    if (accept_name("not")) return unary("not", parse_not());
    return parse_comparison();
  }

  ExpressionPtr parse_comparison() {
    auto left = parse_sum();
    for (;;) {
      constexpr std::array<std::string_view, 6> operators{"==", "!=", "<=", ">=", "<", ">"};
      const auto* found =
          std::find_if(operators.begin(), operators.end(), [&](auto op) { return is_symbol(op); });
      if (found != operators.end()) {
        take();
        left = binary(std::string(*found), std::move(left), parse_sum());
      } else if (accept_name("in")) {
        left = binary("in", std::move(left), parse_sum());
      } else if (is_name("not") && peek(1).text == "in") {
        take();
        take();
        left = unary("not", binary("in", std::move(left), parse_sum()));
      } else {
        return left;
      }
    }
  }

  ExpressionPtr parse_sum() {
    auto left = parse_concatenation();
    while (is_symbol("+") || is_symbol("-")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), parse_concatenation());
    }
    return left;
  }
  ExpressionPtr parse_concatenation() {
    auto left = parse_product();
    while (accept_symbol("~")) left = binary("~", std::move(left), parse_product());
    return left;
  }
  ExpressionPtr parse_product() {
    auto left = parse_unary();
    while (is_symbol("*") || is_symbol("/") || is_symbol("//") || is_symbol("%")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), parse_unary());
    }
    return left;
  }

  ExpressionPtr parse_unary() {
    const Depth depth(*this);
    if (is_symbol("-") || is_symbol("+")) {
      const std::string op = take().text;
      return unary(op, parse_unary());
    }
    return parse_filters(parse_postfix(parse_primary()));
  }

  ExpressionPtr parse_filters(ExpressionPtr value) {
    for (;;) {
      if (accept_symbol("|")) {
        auto filter = node(Kind::filter, expect_name());
        adopt(*filter, std::move(value));
        if (accept_symbol("(")) take_arguments(*filter);
        value = parse_postfix(std::move(filter));
      } else if (accept_name("is")) {
        const bool negated = accept_name("not");
        auto test = node(Kind::test, expect_name());
        adopt(*test, std::move(value));
        if (accept_symbol("("))
          take_arguments(*test);
        else if (peek().kind == Token::Kind::string ||
                 peek().kind == Token::Kind::integer)       // "is divisibleby 3"
          test->arguments.push_back({"", parse_primary()}); // a literal
        value = std::move(test);
        if (negated) value = unary("not", std::move(value));
      } else {
        return value;
      }
    }
  }

  ExpressionPtr parse_postfix(ExpressionPtr value) {
    for (;;) {
      if (accept_symbol(".")) {
        auto attribute = node(Kind::attribute, expect_name());
        adopt(*attribute, std::move(value));
        value = std::move(attribute);
      } else if (accept_symbol("[")) {
        value = parse_subscript(std::move(value));
      } else if (accept_symbol("(")) {
        auto call = node(Kind::call);
        adopt(*call, std::move(value));
        take_arguments(*call);
        value = std::move(call);
      } else {
        return value;
      }
    }
  }

  ExpressionPtr parse_subscript(ExpressionPtr object) {
    std::array<ExpressionPtr, 3> parts;
    std::size_t colons = 0;
    while (!accept_symbol("]")) {
      if (accept_symbol(":")) {
        if (++colons > 2) fail("a slice has too many parts");
      } else {
        parts[colons] = parse_expression();
      }
    }
    auto result = node(colons > 0 ? Kind::slice : Kind::index);
    if (colons == 0 && !parts[0]) fail("an empty index");
    adopt(*result, std::move(object));
    for (std::size_t i = 0; i < (colons > 0 ? 3u : 1u); ++i) adopt(*result, std::move(parts[i]));
    return result;
  }

  void take_arguments(Expression& call) {
    while (!accept_symbol(")")) {
      Argument argument;
      if (peek().kind == Token::Kind::name && peek(1).kind == Token::Kind::symbol && peek(1).text == "=") {
        argument.name = take().text;
        take();
      }
      argument.value = parse_expression();
      grow(call, *argument.value);
      call.arguments.push_back(std::move(argument));
      if (!is_symbol(")")) expect_symbol(",");
    }
  }

  ExpressionPtr parse_primary() {
    const Token token = take();
    switch (token.kind) {
    case Token::Kind::string: {
      std::string text = token.text;
      while (peek().kind == Token::Kind::string) text += take().text; // neighbours are joined
      return literal(text);
    }
    case Token::Kind::integer:
      return literal(std::int64_t(std::stoll(token.text)));
    case Token::Kind::real:
      return literal(std::stod(token.text));
    case Token::Kind::name:
      if (token.text == "true" || token.text == "True") return literal(true);
      if (token.text == "false" || token.text == "False") return literal(false);
      if (token.text == "none" || token.text == "None") return literal(None{});
      return node(Kind::name, token.text);
    default:
      break;
    }
    if (token.kind == Token::Kind::symbol && token.text == "(") return parse_parenthesis();
    if (token.kind == Token::Kind::symbol && token.text == "[") return parse_list();
    if (token.kind == Token::Kind::symbol && token.text == "{") return parse_dict();
    --position_;
    fail("unexpected \"" + token.text + "\"");
  }

  ExpressionPtr parse_parenthesis() {
    auto value = parse_tuple();
    expect_symbol(")");
    return value;
  }

  ExpressionPtr parse_list() {
    auto list = node(Kind::list);
    while (!accept_symbol("]")) {
      adopt(*list, parse_expression());
      if (!is_symbol("]")) expect_symbol(",");
    }
    return list;
  }

  ExpressionPtr parse_dict() {
    auto dict = node(Kind::dict);
    while (!accept_symbol("}")) {
      adopt(*dict, parse_expression());
      expect_symbol(":");
      adopt(*dict, parse_expression());
      if (dict->operands.size() > 2 * largest_dict) fail("a dictionary is too large");
      if (!is_symbol("}")) expect_symbol(",");
    }
    return dict;
  }

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

} // namespace

Body parse_template(const std::string& source) {
  std::string lines; // Jinja reads every kind of line end as "\n"
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    lines += source[i] == '\r' ? '\n' : source[i];
  }
  return Parser(tokenize(lines)).run();
}

} // namespace intarsia::jinja

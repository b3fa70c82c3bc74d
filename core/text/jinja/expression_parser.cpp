// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text/jinja/functions.h"

namespace intarsia::jinja {
namespace {

using Kind = Expression::Kind;
constexpr int highest_tree = 300;              // of expressions
constexpr std::size_t max_dict_entries = 1000; // written out; keys are searched one by one

struct Symbol {
  std::string_view text;
  Operator op;
};
constexpr std::array<Symbol, 6> comparisons{{{"==", Operator::equal},
                                             {"!=", Operator::unequal},
                                             {"<=", Operator::at_most},
                                             {">=", Operator::at_least},
                                             {"<", Operator::less},
                                             {">", Operator::greater}}};
constexpr std::array<Symbol, 4> products{{{"*", Operator::multiply},
                                          {"//", Operator::floor_divide},
                                          {"/", Operator::divide},
                                          {"%", Operator::modulo}}};

template <std::size_t N>
const Symbol* find_symbol(const TokenStream& tokens, const std::array<Symbol, N>& symbols) {
  const auto found = std::find_if(symbols.begin(), symbols.end(),
                                  [&](const Symbol& symbol) { return tokens.is_symbol(symbol.text); });
  return found == symbols.end() ? nullptr : &*found;
}

} // namespace

ExpressionPtr ExpressionParser::node(Kind kind, std::string text) const {
  auto result = std::make_unique<Expression>();
  result->kind = kind;
  result->line = tokens_.line();
  result->text = std::move(text);
  return result;
}

// Long chains ("a + b + …") nest too, without any recursion of the parser: trees stay low enough to walk.
void ExpressionParser::adopt(Expression& parent, ExpressionPtr child) const {
  if (child) grow(parent, *child);
  parent.operands.push_back(std::move(child));
}

void ExpressionParser::grow(Expression& parent, const Expression& child) const {
  parent.height = std::max(parent.height, child.height + 1);
  if (parent.height > highest_tree) tokens_.fail("an expression is too long");
}

ExpressionPtr ExpressionParser::literal(Value value) const {
  auto result = node(Kind::literal);
  result->value = std::move(value);
  return result;
}

ExpressionPtr ExpressionParser::binary(Operator op, ExpressionPtr left, ExpressionPtr right) const {
  auto result = node(Kind::binary);
  result->operators = {op};
  adopt(*result, std::move(left));
  adopt(*result, std::move(right));
  return result;
}

ExpressionPtr ExpressionParser::unary(Operator op, ExpressionPtr operand) const {
  auto result = node(Kind::unary);
  result->operators = {op};
  adopt(*result, std::move(operand));
  return result;
}

ExpressionPtr ExpressionParser::parse() {
  const TokenStream::Depth depth(tokens_);
  auto value = parse_without_condition();
  while (tokens_.accept_name("if")) {
    auto condition = node(Kind::condition);
    adopt(*condition, std::move(value));
    adopt(*condition, parse_without_condition());
    adopt(*condition, tokens_.accept_name("else") ? parse() : nullptr);
    value = std::move(condition);
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_tuple(bool condition) {
  const auto item = [&] { return condition ? parse() : parse_without_condition(); };
  auto first = item();
  if (!tokens_.is_symbol(",")) return first;
  auto tuple = node(Kind::tuple);
  adopt(*tuple, std::move(first));
  while (tokens_.accept_symbol(",")) {
    const bool ends = tokens_.is(Token::Kind::close_block) || tokens_.is(Token::Kind::close_output) ||
                      tokens_.is_symbol(")") || tokens_.is_symbol("=") || tokens_.is_name("recursive");
    if (ends) break;
    adopt(*tuple, item());
  }
  return tuple;
}

ExpressionPtr ExpressionParser::parse_filters_of_block() {
  auto value = node(Kind::captured);
  while (tokens_.accept_symbol("|")) value = parse_named_filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::parse_filter_chain_named() {
  auto value = parse_named_filter(node(Kind::captured));
  while (tokens_.accept_symbol("|")) value = parse_named_filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::parse_call_target() {
  auto call = parse();
  if (call->kind != Kind::call) tokens_.fail("{% call %} needs a call");
  return call;
}

ExpressionPtr ExpressionParser::parse_without_condition() {
  auto left = parse_and();
  while (tokens_.accept_name("or")) left = binary(Operator::logical_or, std::move(left), parse_and());
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  auto left = parse_not();
  while (tokens_.accept_name("and")) left = binary(Operator::logical_and, std::move(left), parse_not());
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const TokenStream::Depth depth(tokens_);
  if (tokens_.accept_name("not")) return unary(Operator::logical_not, parse_not());
  return parse_comparison();
}

ExpressionPtr ExpressionParser::parse_comparison() {
  auto first = parse_sum();
  auto chain = node(Kind::compare);
  adopt(*chain, std::move(first));
  for (;;) {
    if (const Symbol* symbol = find_symbol(tokens_, comparisons)) {
      tokens_.take();
      chain->operators.push_back(symbol->op);
    } else if (tokens_.accept_name("in")) {
      chain->operators.push_back(Operator::in);
    } else if (tokens_.is_name("not") && tokens_.peek(1).kind == Token::Kind::name &&
               tokens_.peek(1).text == "in") {
      tokens_.take();
      tokens_.take();
      chain->operators.push_back(Operator::not_in);
    } else {
      break;
    }
    adopt(*chain, parse_sum());
  }
  if (chain->operators.empty()) return std::move(chain->operands[0]);
  return chain;
}

ExpressionPtr ExpressionParser::parse_sum() {
  auto left = parse_concatenation();
  while (tokens_.is_symbol("+") || tokens_.is_symbol("-")) {
    const Operator op = tokens_.take().text == "+" ? Operator::add : Operator::subtract;
    left = binary(op, std::move(left), parse_concatenation());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  auto left = parse_product();
  while (tokens_.accept_symbol("~")) left = binary(Operator::concatenate, std::move(left), parse_product());
  return left;
}

ExpressionPtr ExpressionParser::parse_product() {
  auto left = parse_power();
  while (const Symbol* symbol = find_symbol(tokens_, products)) {
    tokens_.take();
    left = binary(symbol->op, std::move(left), parse_power());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_power() {
  auto left = parse_unary(true);
  while (tokens_.accept_symbol("**")) left = binary(Operator::power, std::move(left), parse_unary(true));
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const TokenStream::Depth depth(tokens_);
  ExpressionPtr value;
  if (tokens_.is_symbol("-") || tokens_.is_symbol("+")) {
    const Operator op = tokens_.take().text == "-" ? Operator::negate : Operator::plus;
    value = unary(op, parse_unary(false));
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr value) {
  for (;;) {
    if (tokens_.accept_symbol("|"))
      value = parse_postfix(parse_named_filter(std::move(value)));
    else if (tokens_.accept_name("is"))
      value = parse_test(std::move(value));
    else
      return value;
  }
}

std::string ExpressionParser::dotted_name() {
  std::string name = tokens_.expect_name();
  while (tokens_.accept_symbol(".")) name += "." + tokens_.expect_name();
  return name;
}

ExpressionPtr ExpressionParser::parse_named_filter(ExpressionPtr value) {
  auto filter = node(Kind::filter, dotted_name());
  adopt(*filter, std::move(value));
  if (tokens_.accept_symbol("(")) take_arguments(*filter);
  return filter;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr value) {
  const bool negated = tokens_.accept_name("not");
  auto test = node(Kind::test, dotted_name());
  adopt(*test, std::move(value));
  const Token& next = tokens_.peek();
  constexpr std::array<std::string_view, 7> words{"else", "or", "and", "if", "in", "is", "not"};
  const bool name =
      next.kind == Token::Kind::name && std::find(words.begin(), words.end(), next.text) == words.end();
  if (tokens_.accept_symbol("(")) {
    take_arguments(*test);
  } else if (name || next.kind == Token::Kind::string || next.kind == Token::Kind::integer ||
             next.kind == Token::Kind::real || tokens_.is_symbol("[") || tokens_.is_symbol("{")) {
    Argument argument; // "is divisibleby 3"
    argument.value = parse_postfix(parse_primary());
    grow(*test, *argument.value);
    test->arguments.push_back(std::move(argument));
  }
  return negated ? unary(Operator::logical_not, std::move(test)) : std::move(test);
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr value) {
  for (;;) {
    if (tokens_.accept_symbol(".")) {
      const bool index = tokens_.is(Token::Kind::integer);
      auto part = index ? node(Kind::index) : node(Kind::attribute);
      adopt(*part, std::move(value));
      if (index)
        adopt(*part, parse_integer_literal(tokens_.take().text));
      else
        part->text = tokens_.expect_name();
      value = std::move(part);
    } else if (tokens_.accept_symbol("[")) {
      value = parse_subscript(std::move(value));
    } else if (tokens_.accept_symbol("(")) {
      auto call = node(Kind::call);
      adopt(*call, std::move(value));
      take_arguments(*call);
      value = std::move(call);
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  std::array<ExpressionPtr, 3> parts;
  std::size_t colons = 0;
  while (!tokens_.accept_symbol("]")) {
    if (tokens_.accept_symbol(":")) {
      if (++colons > 2) tokens_.fail("a slice has too many parts");
    } else {
      if (parts[colons]) tokens_.fail("expected \"]\" before \"" + tokens_.peek().text + "\"");
      parts[colons] = colons == 0 ? parse_tuple() : parse();
    }
  }
  auto result = node(colons > 0 ? Kind::slice : Kind::index);
  if (colons == 0 && !parts[0]) tokens_.fail("an empty index");
  adopt(*result, std::move(object));
  for (std::size_t i = 0; i < (colons > 0 ? 3u : 1u); ++i) adopt(*result, std::move(parts[i]));
  return result;
}

void ExpressionParser::take_arguments(Expression& call) {
  while (!tokens_.accept_symbol(")")) {
    Argument argument;
    if (tokens_.accept_symbol("**")) {
      argument.stars = 2;
    } else if (tokens_.accept_symbol("*")) {
      argument.stars = 1;
    } else if (tokens_.is(Token::Kind::name) && tokens_.peek(1).kind == Token::Kind::symbol &&
               tokens_.peek(1).text == "=") {
      argument.name = tokens_.take().text;
      tokens_.take();
    }
    argument.value = parse();
    grow(call, *argument.value);
    call.arguments.push_back(std::move(argument));
    if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
  }
}

ExpressionPtr ExpressionParser::parse_integer_literal(const std::string& digits) const {
  const auto value = parse_integer(digits, 0);
  if (!value) tokens_.fail("a number is too large");
  return literal(*value);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = tokens_.peek();
  switch (token.kind) {
  case Token::Kind::string: {
    std::string text;
    while (tokens_.is(Token::Kind::string)) text += tokens_.take().text; // neighbours are joined
    return literal(text);
  }
  case Token::Kind::integer:
    return parse_integer_literal(tokens_.take().text);
  case Token::Kind::real: {
    const auto value = parse_float(tokens_.take().text);
    if (!value) tokens_.fail("a number is too large");
    return literal(*value);
  }
  case Token::Kind::name: {
    const std::string name = tokens_.take().text;
    if (name == "true" || name == "True") return literal(true);
    if (name == "false" || name == "False") return literal(false);
    if (name == "none" || name == "None") return literal(None{});
    if (name == "caller" || name == "varargs" || name == "kwargs") special_names_.insert(name);
    return node(Kind::name, name);
  }
  default:
    break;
  }
  if (tokens_.accept_symbol("(")) return parse_parenthesis();
  if (tokens_.accept_symbol("[")) return parse_list();
  if (tokens_.accept_symbol("{")) return parse_dict();
  tokens_.fail("unexpected \"" + token.text + "\"");
}

ExpressionPtr ExpressionParser::parse_parenthesis() {
  if (tokens_.accept_symbol(")")) return node(Kind::tuple);
  auto value = parse_tuple();
  tokens_.expect_symbol(")");
  return value;
}

ExpressionPtr ExpressionParser::parse_list() {
  auto list = node(Kind::list);
  while (!tokens_.accept_symbol("]")) {
    adopt(*list, parse());
    if (!tokens_.is_symbol("]")) tokens_.expect_symbol(",");
  }
  return list;
}

ExpressionPtr ExpressionParser::parse_dict() {
  auto dict = node(Kind::dict);
  while (!tokens_.accept_symbol("}")) {
    adopt(*dict, parse());
    tokens_.expect_symbol(":");
    adopt(*dict, parse());
    if (dict->operands.size() > 2 * max_dict_entries) tokens_.fail("a dictionary is too large");
    if (!tokens_.is_symbol("}")) tokens_.expect_symbol(",");
  }
  return dict;
}

} // namespace intarsia::jinja

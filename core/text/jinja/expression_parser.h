// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <set>
#include <utility>

#include "core/text/jinja/syntax.h"
#include "core/text/jinja/token_stream.h"

namespace intarsia::jinja {

// Recursive descent with Jinja's precedences. Throws Error naming the line.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens)
      : tokens_(tokens) {}

  ExpressionPtr parse();                            // with "a if b else c"
  ExpressionPtr parse_without_condition();          // "for x in y if z": the "if" is the loop's
  ExpressionPtr parse_tuple(bool condition = true); // "a, b" is a tuple, "a" is a
  ExpressionPtr parse_filters_of_block();           // "| upper | trim" of the text of a block
  ExpressionPtr parse_filter_chain_named();         // "upper | trim" of {% filter %}
  ExpressionPtr parse_call_target();                // the call of {% call %}
  // Which of caller, varargs and kwargs were named since the last time.
  std::set<std::string> take_special_names() { return std::exchange(special_names_, {}); }
  void put_back_special_names(const std::set<std::string>& names) {
    special_names_.insert(names.begin(), names.end());
  }

 private:
  ExpressionPtr node(Expression::Kind kind, std::string text = {}) const;
  void adopt(Expression& parent, ExpressionPtr child) const;
  void grow(Expression& parent, const Expression& child) const;
  ExpressionPtr literal(Value value) const;
  ExpressionPtr binary(Operator op, ExpressionPtr left, ExpressionPtr right) const;
  ExpressionPtr unary(Operator op, ExpressionPtr operand) const;

  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_filters(ExpressionPtr value);
  ExpressionPtr parse_named_filter(ExpressionPtr value);
  ExpressionPtr parse_test(ExpressionPtr value);
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  void take_arguments(Expression& call);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_parenthesis();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_integer_literal(const std::string& digits) const;
  std::string dotted_name();

  TokenStream& tokens_;
  std::set<std::string> special_names_;
};

} // namespace intarsia::jinja

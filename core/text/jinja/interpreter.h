// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Runs a parsed template with bounded steps, depth and output.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/text/jinja/functions.h"
#include "core/text/jinja/syntax.h"

namespace intarsia::jinja {

// The variables of a loop's round, a macro's call or a block; what is not found here is sought in the parent.
struct Scope {
  Scope* parent = nullptr;
  std::map<std::string, Value> variables;
};

enum class Flow { normal, stop, next };

class Interpreter {
 public:
  explicit Interpreter(std::map<std::string, Value> variables);
  std::string run(const Body& body);

  // For loops and macros, which are values that a template can call.
  Value call_macro(const Signature& signature, const Body& body, Scope* home, const std::string& name,
                   const Call& call);
  Value loop_again(const Statement& loop, const Value& items, Scope* home, std::int64_t depth);

 private:
  class ScopeHold;
  class DepthHold;

  void step(int line);
  void charge(const Value& value); // work on a long value counts as many steps
  void write(const std::string& text);
  std::string captured_text(const Body& body);

  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow dispatch(const Statement& statement);
  void assign(const Target& target, const Value& value);
  void run_loop(const Statement& loop, const List& items, std::int64_t depth);
  List loop_items(const Statement& loop, const Value& source);
  Flow run_with(const Statement& with);
  Flow run_in_scope(const Body& body, Scope* parent);
  void run_call(const Statement& call);
  Value lookup(const std::string& name) const;

  Value evaluate(const Expression& e);
  Value compute(const Expression& e);
  Value make_dict(const Expression& e);
  List evaluate_all(const Expression& e);
  Call arguments(const Expression& e);
  Value call(const Expression& e, const Value* caller);
  Value unary(const Expression& e);
  Value binary(const Expression& e);
  Value compare(const Expression& e);

  std::vector<std::unique_ptr<Scope>> kept_scopes_; // those that a macro may still look into
  Scope globals_, root_;
  Scope* scope_ = &root_;
  std::string output_, captured_;
  std::size_t steps_ = 0, macros_made_ = 0;
  int line_ = 1, depth_ = 0;
};

// Operators on values. Each throws Error for operands that it does not work on.
Value operate(Operator op, const Value& left, const Value& right);
bool holds(Operator comparison, const Value& left, const Value& right);

std::string render(const Body& body, std::map<std::string, Value> variables);

} // namespace intarsia::jinja

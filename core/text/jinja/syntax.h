// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The parsed template.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/text/jinja/value.h"

namespace intarsia::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;

enum class Operator {
  logical_or,
  logical_and,
  logical_not,
  equal,
  unequal,
  less,
  at_most,
  greater,
  at_least,
  in,
  not_in,
  add,
  subtract,
  concatenate,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  negate,
  plus,
};

struct Argument {
  std::string name; // empty: positional
  int stars = 0;    // 1: *list, 2: **dictionary
  ExpressionPtr value;
};

struct Expression {
  enum class Kind {
    literal,   // value
    captured,  // the text of a {% set %} or {% filter %} block
    name,      // text
    list,      // operands
    tuple,     // operands
    dict,      // operands: key, value, key, value …
    attribute, // operands[0].text
    index,     // operands[0][operands[1]]
    slice,     // operands[0][operands[1]:operands[2]:operands[3]], null when left out
    call,      // operands[0](arguments)
    filter,    // operands[0] | text(arguments)
    test,      // operands[0] is text(arguments)
    unary,     // operators[0] operands[0]
    binary,    // operands[0] operators[0] operands[1]
    compare,   // operands[0] operators[0] operands[1] operators[1] operands[2] …
    condition, // operands[0] if operands[1] else operands[2] (may be null)
  };
  Kind kind = Kind::literal;
  int line = 0;
  int height = 1; // of the tree from here down
  std::string text;
  Value value;
  std::vector<Operator> operators;
  std::vector<ExpressionPtr> operands;
  std::vector<Argument> arguments;
};

// What is assigned to: a name, a namespace's field, or a tuple of targets.
struct Target {
  std::string name, field;
  std::vector<Target> parts; // of a tuple
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback; // null without
};

// The signature of a macro, or of the block given to a call.
struct Signature {
  std::vector<Parameter> parameters;
  bool takes_caller = false, takes_more = false, takes_named = false; // caller, varargs, kwargs are used
};

struct Statement {
  enum class Kind {
    text,      // text
    output,    // expression
    condition, // if expression: body, else: otherwise
    loop,      // for targets[0] in expression if filter
    assign,    // targets[0] = expression
    capture,   // targets[0] = expression of the body's text
    filter,    // writes expression of the body's text
    macro,     // text(signature)
    call,      // expression (a call) with body as its caller(signature)
    with,      // targets[i] = values[i] inside body
    scope,     // body in a scope of its own
    block,     // the same, blind to the variables around it
    stop,
    next,
    refuse, // text says what this program or transformers cannot do; an error when it is reached
  };
  Kind kind = Kind::text;
  int line = 0;
  bool recursive = false;
  std::string text;
  std::vector<Target> targets;
  ExpressionPtr expression, filter;
  std::vector<ExpressionPtr> values;
  Signature signature;
  Body body, otherwise; // otherwise: else of condition and loop
};

// Parses with trim_blocks and lstrip_blocks, as transformers does. Throws Error naming the line.
Body parse_template(const std::string& source);

} // namespace intarsia::jinja

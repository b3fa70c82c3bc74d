// SPDX-License-Identifier: GPL-3.0-or-later
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

struct Argument {
  std::string name; // empty: positional
  ExpressionPtr value;
};

struct Expression {
  enum class Kind {
    literal,   // value
    name,      // text
    list,      // operands
    dict,      // operands: key, value, key, value …
    attribute, // operands[0].text
    index,     // operands[0][operands[1]]
    slice,     // operands[0][operands[1]:operands[2]:operands[3]], null when left out
    call,      // operands[0](arguments)
    filter,    // operands[0] | text(arguments)
    test,      // operands[0] is text(arguments)
    unary,     // text operands[0]
    binary,    // operands[0] text operands[1]
    condition, // operands[0] if operands[1] else operands[2] (may be null)
  };
  Kind kind = Kind::literal;
  int line = 0;
  int height = 1; // of the tree from here down
  std::string text;
  Value value;
  std::vector<ExpressionPtr> operands;
  std::vector<Argument> arguments;
};

struct Statement {
  enum class Kind { text, output, condition, loop, assign, capture, macro, stop, next, block };
  Kind kind = Kind::text;
  int line = 0;
  std::string text;                    // text; macro's name; attribute assigned in a namespace
  std::vector<std::string> names;      // loop variables, assigned names, macro's parameters
  ExpressionPtr expression;            // output, condition, what is looped over, assigned value
  ExpressionPtr filter;                // a loop's `if`
  std::vector<ExpressionPtr> defaults; // of macro parameters, null without
  Body body, otherwise;                // otherwise: else of condition and loop
};

// Parses with trim_blocks and lstrip_blocks, as transformers does. Throws Error naming the line.
Body parse_template(const std::string& source);

} // namespace intarsia::jinja

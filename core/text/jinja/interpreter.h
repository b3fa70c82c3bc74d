// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a parsed template with bounded steps and output.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/text/jinja/syntax.h"

namespace intarsia::jinja {

struct Call {
  std::vector<Value> positional;
  std::map<std::string, Value> named;

  // Argument i, or the one of that name; undefined when missing.
  Value argument(std::size_t index, const std::string& name) const;
};

struct Callable {
  std::function<Value(const Call&)> function;
};
Value make_function(std::function<Value(const Call&)> function);

// Filters, tests, methods and functions by name; each throws Error for a name it does not know.
Value apply_filter(const std::string& name, const Value& value, const Call& call);
bool apply_test(const std::string& name, const Value& value, const Call& call);
Value method_of(const Value& object, const std::string& name); // undefined when there is none
Value get_attribute(const Value& object, const std::string& name);
Value get_item(const Value& object, const Value& key);
bool is_ascii(const std::string& text);
List characters_of(const std::string& text); // Python counts, slices and loops over characters, not bytes
std::map<std::string, Value> global_functions();

[[noreturn]] void template_error(const std::string& what); // the interpreter adds the line

std::string render(const Body& body, std::map<std::string, Value> variables);

} // namespace intarsia::jinja

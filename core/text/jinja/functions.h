// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a template can call: filters, tests, methods and global functions, each a row of a table.
#pragma once

#include <ctime>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/jinja/value.h"

namespace intarsia::jinja {

struct Call {
  List positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find_named(std::string_view name) const; // nullptr when missing
};

// The arguments of one call, in the order of the function's parameters. Throws for one that the function does
// not have, or has twice. A last parameter "*" takes whatever is left (see call()).
class Arguments {
 public:
  Arguments(const Call& call, std::span<const char* const> parameters, std::string_view function);

  bool given(std::size_t i) const { return i < values_.size() && !values_[i].is_undefined(); }
  const Value& operator[](std::size_t i) const; // undefined when missing
  std::string text(std::size_t i, const std::string& fallback = "") const;
  std::int64_t integer(std::size_t i, std::int64_t fallback) const; // throws for what is not a number
  bool truthy(std::size_t i, bool fallback = false) const;
  const Call& call() const { return call_; }
  std::string_view function() const { return function_; }

 private:
  const Call& call_;
  std::string_view function_;
  List values_;
};

struct Function {
  std::vector<const char*> parameters;
  Value (*body)(const Value& subject, const Arguments& arguments);
};
using FunctionTable = std::unordered_map<std::string_view, Function>;

const FunctionTable& text_filters();
const FunctionTable& sequence_filters();
const FunctionTable& tests();
const FunctionTable& string_methods();
const FunctionTable& container_methods(const Value& object); // of a list, a tuple or a dictionary

Value apply_filter(const std::string& name, const Value& value, const Call& call);
bool apply_test(const std::string& name, const Value& value, const Call& call);
// A method of a value called by name; nothing when the value has no such method.
std::optional<Value> call_method(const Value& object, const std::string& name, const Call& call);

Value get_attribute(const Value& object, const std::string& name); // a.name
Value get_item(const Value& object, const Value& key);             // a[key]
Value get_path(const Value& object, const Value& path);            // "a.b.0", as filters name attributes
// The items that a loop over the value visits. Throws for what cannot be looped over.
List items_of(const Value& value);
std::int64_t length_of(const Value& value);
List characters_of(const std::string& text); // Python counts, slices and loops over characters, not bytes
Value slice_of(const Value& object, const Value& low, const Value& high, const Value& stride);
bool contains(const Value& container, const Value& item);

// str.replace: at most `count` times when count is not negative.
std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     std::int64_t count);

// printf-style "%" and str.format.
std::string percent_format(const std::string& format, const Value& arguments);
std::string brace_format(const std::string& format, const Call& call);

Value make_function(const char* name, std::function<Value(const Call&)> function);
// A method of an object: a function that does not keep the object alive (nothing may ever hold itself).
template <typename T>
Value bound_function(T& object, Value (*body)(T&, const Call&)) {
  return make_function("method", [weak = object.weak_from_this(), body](const Call& call) -> Value {
    const auto self = std::dynamic_pointer_cast<T>(weak.lock());
    if (!self) template_error("a method is called of something that is gone");
    return body(*self, call);
  });
}
Value make_namespace(Dict fields);
// `time`: of strftime_now; absent: the clock's.
std::map<std::string, Value> global_functions(std::optional<std::time_t> time);

// Python's int() and float() of a text; nothing when it is not a number.
std::optional<std::int64_t> parse_integer(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later
// Values of the template language, as Python has them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace intarsia::jinja {

class Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>; // keeps the order, as Python's does
struct Callable; // a function, a macro, or a method bound to its object

struct Undefined {
  bool operator==(const Undefined&) const = default;
};
struct None {
  bool operator==(const None&) const = default;
};

// Lists and dictionaries are shared by reference, as in Python; only namespaces are ever changed.
class Value {
 public:
  using Data = std::variant<Undefined, None, bool, std::int64_t, double, std::string, std::shared_ptr<List>,
                            std::shared_ptr<Dict>, std::shared_ptr<const Callable>>;
  Value() = default;
  Value(None value)
      : data(value) {}
  Value(bool value)
      : data(value) {}
  Value(std::int64_t value)
      : data(value) {}
  Value(double value)
      : data(value) {}
  Value(std::string value)
      : data(std::move(value)) {}
  Value(const char* value)
      : data(std::string(value)) {}
  Value(List value); // throws Error when it nests too deeply or weighs too much
  Value(Dict value);
  Value(std::shared_ptr<const Callable> value)
      : data(std::move(value)) {}

  template <typename T>
  const T* get() const {
    return std::get_if<T>(&data);
  }
  const std::string* string() const { return get<std::string>(); }
  const List* list() const {
    return get<std::shared_ptr<List>>() ? get<std::shared_ptr<List>>()->get() : nullptr;
  }
  Dict* dict() const { return get<std::shared_ptr<Dict>>() ? get<std::shared_ptr<Dict>>()->get() : nullptr; }
  bool is_undefined() const { return get<Undefined>(); }
  bool is_none() const { return get<None>(); }
  bool is_number() const { return get<std::int64_t>() || get<double>() || get<bool>(); }
  double number() const;        // of a number, a bool counts as 0 or 1
  std::int64_t integer() const; // the same, cut to a whole number between -2^53 and 2^53

  bool truthy() const;
  std::string text() const; // str(value)
  std::string repr() const; // as inside a printed list
  std::string json(int indent = -1, int depth = 0) const;
  bool equals(const Value& other) const;
  const char* type_name() const;

  // What the value takes when it is written out, in bytes: a list that holds another one twice counts it
  // twice. Bounded for every value, as nesting is, so that writing, comparing and freeing one always ends.
  std::size_t weight() const;
  // The only kind of value whose fields can be set. It cannot stand in a list or a dictionary, so nothing
  // ever holds itself.
  static Value make_namespace(Dict fields);
  bool is_namespace() const;

  Data data;

 private:
  void measure(const Value& item);
  std::size_t weight_ = 0; // of lists and dictionaries
  int depth_ = 0;          // how deep lists and dictionaries nest
};

constexpr std::size_t heaviest_value = std::size_t(16) << 20;

const Value* find(const Dict& dict, const std::string& key); // nullptr when missing
void assign(Dict& dict, const std::string& key, Value value);

} // namespace intarsia::jinja

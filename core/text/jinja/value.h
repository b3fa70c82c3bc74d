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
  Value(List value)
      : data(std::make_shared<List>(std::move(value))) {}
  Value(Dict value)
      : data(std::make_shared<Dict>(std::move(value))) {}
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
  double number() const; // of a number, a bool counts as 0 or 1

  bool truthy() const;
  std::string text() const; // str(value)
  std::string repr() const; // as inside a printed list
  std::string json(int indent = -1, int depth = 0) const;
  bool equals(const Value& other) const;
  const char* type_name() const;

  Data data;
};

const Value* find(const Dict& dict, const std::string& key); // nullptr when missing
void assign(Dict& dict, const std::string& key, Value value);

} // namespace intarsia::jinja

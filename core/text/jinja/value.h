// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Values of the template language, as Python has them.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace intarsia::jinja {

class Value;
struct Call;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<Value, Value>>; // keeps the order, as Python's does
enum class SequenceKind { list, tuple, range, generator, group, keys, values, items };
struct Sequence;
class Object; // a function, a macro, a loop, a namespace

struct Undefined {
  std::string name;    // what was asked for
  bool unsafe = false; // it exists, and the sandbox does not allow it
};
struct None {
  bool operator==(const None&) const = default;
};

// Held as they are; every other kind is shared.
template <typename T>
concept IsScalar = std::same_as<T, Undefined> || std::same_as<T, None> || std::same_as<T, bool> ||
    std::same_as<T, std::int64_t> || std::same_as<T, double>;

// Strings, lists and dictionaries are shared and never changed; namespaces are changed.
class Value {
 public:
  Value() = default;
  template <typename T>
  requires(IsScalar<T>) Value(T value)
      : data_(std::move(value)) {}
  template <typename T>
  requires std::convertible_to<T, std::string> Value(T&& text)
      : data_(std::make_shared<const std::string>(std::forward<T>(text))) {}
  Value(List value); // throws Error when it nests too deeply or weighs too much
  Value(Dict value);
  Value(std::shared_ptr<Object> value);
  static Value sequence(SequenceKind kind, List items);

  template <typename T>
  const T* get() const {
    return std::get_if<T>(&data_);
  }
  const std::string* string() const {
    const auto* text = get<std::shared_ptr<const std::string>>();
    return text ? text->get() : nullptr;
  }
  const List* list() const;  // the items of any sequence but a string
  SequenceKind kind() const; // of a sequence
  const Dict* dict() const {
    return get<std::shared_ptr<Dict>>() ? get<std::shared_ptr<Dict>>()->get() : nullptr;
  }
  Object* object() const {
    return get<std::shared_ptr<Object>>() ? get<std::shared_ptr<Object>>()->get() : nullptr;
  }
  bool is_undefined() const { return get<Undefined>(); }
  bool is_none() const { return get<None>(); }
  bool is_number() const { return get<std::int64_t>() || get<double>() || get<bool>(); }
  bool is_whole() const { return get<std::int64_t>() || get<bool>(); }
  double number() const;        // of a number, a bool counts as 0 or 1
  std::int64_t integer() const; // the same, cut to a whole number between -2^53 and 2^53

  const char* type_name() const;

  // What the value takes when it is written out, in bytes: a list that holds another one twice counts it
  // twice. Bounded for every value, as nesting is, so that writing, comparing and freeing one always ends.
  std::size_t weight() const;

 private:
  void measure(const Value& item);

  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<Sequence>, std::shared_ptr<Dict>, std::shared_ptr<Object>>
      data_;
  std::size_t weight_ = 0; // of lists and dictionaries
  int depth_ = 0;          // how deep lists and dictionaries nest
};

struct Sequence {
  SequenceKind kind = SequenceKind::list;
  List items;
};

class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  virtual const char* type_name() const = 0;
  virtual Value attribute(const std::string& name); // undefined by default
  virtual bool callable() const { return false; }
  virtual Value call(const Call& arguments); // throws unless callable
  // A namespace's fields can be set. It cannot stand in a list or a dictionary, so nothing ever holds itself.
  virtual bool set_attribute(const std::string& name, const Value& value);
  virtual bool holds_fields() const { return false; }
};

constexpr std::size_t max_value_weight = std::size_t(16) << 20;

const Value* find(const Dict& dict, const Value& key); // nullptr when missing
void assign(Dict& dict, const Value& key, Value value);

// Python's builtins of these names.
bool truthy(const Value& value); // bool(value)
std::string str(const Value& value);
std::string repr(const Value& value); // as inside a printed list

bool equal(const Value& left, const Value& right); // Python's ==
bool less(const Value& left, const Value& right);  // Python's <; throws for values that have no order

// json.dumps. Throws for what JSON cannot hold.
struct JsonStyle {
  bool ensure_ascii = false, sort_keys = false, indented = false;
  std::string indent, item_separator = ", ", key_separator = ": ";
};
std::string to_json(const Value& value, const JsonStyle& style);

std::string float_text(double value);                      // repr: shortest digits that read back
std::string quoted(const std::string& text);               // repr of a string
[[noreturn]] void template_error(const std::string& what); // the interpreter adds the line

} // namespace intarsia::jinja

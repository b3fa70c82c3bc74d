// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace intarsia::jinja {
namespace {

constexpr std::size_t node_weight = 16; // of every value, and of a key besides its letters
constexpr int max_value_depth = 32;

} // namespace

Value::Value(List value)
    : Value(sequence(SequenceKind::list, std::move(value))) {}

Value Value::sequence(SequenceKind kind, List items) {
  Value value;
  for (const Value& item : items) value.measure(item);
  value.data_ = std::make_shared<Sequence>(Sequence{kind, std::move(items)});
  return value;
}

Value::Value(Dict value)
    : data_(std::make_shared<Dict>(std::move(value))) {
  for (const auto& [key, item] : *dict()) {
    measure(key);
    measure(item);
  }
}

Value::Value(std::shared_ptr<Object> value)
    : data_(std::move(value)) {
  if (object()->holds_fields()) depth_ = max_value_depth;
}

void Value::measure(const Value& item) {
  weight_ += item.weight();
  depth_ = std::max(depth_, item.depth_ + 1);
  if (depth_ > max_value_depth) template_error("nests lists too deeply");
  if (weight_ > max_value_weight) template_error("makes too large a list");
}

std::size_t Value::weight() const {
  const auto* text = string();
  return node_weight + weight_ + (text ? text->size() : 0);
}

const List* Value::list() const {
  const auto* items = get<std::shared_ptr<Sequence>>();
  return items ? &(*items)->items : nullptr;
}

SequenceKind Value::kind() const {
  const auto* items = get<std::shared_ptr<Sequence>>();
  return items ? (*items)->kind : SequenceKind::list;
}

double Value::number() const {
  if (const auto* whole = get<std::int64_t>()) return double(*whole);
  if (const auto* real = get<double>()) return *real;
  const auto* boolean = get<bool>();
  return boolean && *boolean ? 1 : 0;
}

std::int64_t Value::integer() const {
  constexpr std::int64_t most = std::int64_t(1) << 53;
  if (const auto* whole = get<std::int64_t>()) return std::clamp(*whole, -most, most);
  return std::int64_t(std::clamp(std::isnan(number()) ? 0.0 : number(), -double(most), double(most)));
}

bool truthy(const Value& value) {
  if (value.is_number()) return value.number() != 0;
  if (const auto* text = value.string()) return !text->empty();
  if (const auto* items = value.list()) return value.kind() == SequenceKind::generator || !items->empty();
  if (const auto* entries = value.dict()) return !entries->empty();
  return value.object() != nullptr;
}

bool equal(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    const auto *a = left.get<std::int64_t>(), *b = right.get<std::int64_t>();
    return a && b ? *a == *b : left.number() == right.number();
  }
  if (const auto* items = left.list()) {
    const auto* others = right.list();
    const bool same_kind = left.kind() == right.kind() ||
                           (left.kind() == SequenceKind::group && right.kind() == SequenceKind::tuple) ||
                           (left.kind() == SequenceKind::tuple && right.kind() == SequenceKind::group);
    return others && same_kind && items->size() == others->size() &&
           std::equal(items->begin(), items->end(), others->begin(),
                      [](const Value& a, const Value& b) { return equal(a, b); });
  }
  if (const auto* entries = left.dict()) {
    const auto* others = right.dict();
    return others && entries->size() == others->size() &&
           std::all_of(entries->begin(), entries->end(), [&](const auto& entry) {
             const Value* match = find(*others, entry.first);
             return match && equal(entry.second, *match);
           });
  }
  if (left.is_undefined()) return right.is_undefined();
  if (left.is_none()) return right.is_none();
  if (const auto* text = left.string()) return right.string() && *text == *right.string();
  return left.object() && left.object() == right.object();
}

const char* Value::type_name() const {
  constexpr const char* names[] = {"undefined", "none", "bool", "int",   "float",
                                   "string",    "list", "dict", "object"};
  if (object()) return object()->type_name();
  if (list() && kind() == SequenceKind::tuple) return "tuple";
  return names[data_.index()];
}

bool less(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    const auto *a = left.get<std::int64_t>(), *b = right.get<std::int64_t>();
    return a && b ? *a < *b : left.number() < right.number();
  }
  if (left.string() && right.string()) return *left.string() < *right.string(); // UTF-8 keeps the order
  if (left.list() && right.list())
    return std::lexicographical_compare(left.list()->begin(), left.list()->end(), right.list()->begin(),
                                        right.list()->end(), less);
  template_error("\"<\" does not work between a " + std::string(left.type_name()) + " and a " +
                 right.type_name());
}

const Value* find(const Dict& dict, const Value& key) {
  for (const auto& [name, value] : dict)
    if (equal(name, key)) return &value;
  return nullptr;
}

void assign(Dict& dict, const Value& key, Value value) {
  for (auto& [name, present] : dict) {
    if (!equal(name, key)) continue;
    present = std::move(value);
    return;
  }
  dict.emplace_back(key, std::move(value));
}

Value Object::attribute(const std::string& name) { return Undefined{name}; }

Value Object::call(const Call&) { template_error("a " + std::string(type_name()) + " cannot be called"); }

bool Object::set_attribute(const std::string&, const Value&) { return false; }

void template_error(const std::string& what) { throw Error(ErrorKind::unsupported, what); }

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text/jinja/interpreter.h"

namespace intarsia::jinja {
namespace {

std::string float_text(double value) { // Python's repr: shortest digits, always with a point or an exponent
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string quoted(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else
      out += c;
  }
  return out + quote;
}

std::string newline(int indent, int depth) {
  return indent < 0 ? "" : "\n" + std::string(std::size_t(indent) * std::size_t(depth), ' ');
}

std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

constexpr std::size_t node_weight = 16; // of every value, and of a key besides its letters
constexpr int deepest_value = 32, namespace_depth = deepest_value + 1;

} // namespace

Value::Value(List value)
    : data(std::make_shared<List>(std::move(value))) {
  for (const Value& item : *list()) measure(item);
}

Value::Value(Dict value)
    : data(std::make_shared<Dict>(std::move(value))) {
  for (const auto& [key, item] : *dict()) {
    measure(item);
    weight_ += key.size() + node_weight;
  }
}

void Value::measure(const Value& item) {
  weight_ += item.weight();
  depth_ = std::max(depth_, item.depth_ + 1);
  if (depth_ > deepest_value) template_error("nests lists too deeply");
  if (weight_ > heaviest_value) template_error("makes too large a list");
}

std::size_t Value::weight() const {
  const auto* text = string();
  return node_weight + weight_ + (text ? text->size() : 0);
}

Value Value::make_namespace(Dict fields) {
  Value value(std::move(fields));
  value.depth_ = namespace_depth;
  return value;
}

bool Value::is_namespace() const { return depth_ == namespace_depth; }

double Value::number() const {
  if (const auto* integer = get<std::int64_t>()) return double(*integer);
  if (const auto* real = get<double>()) return *real;
  const auto* boolean = get<bool>();
  return boolean && *boolean ? 1 : 0;
}

std::int64_t Value::integer() const {
  constexpr std::int64_t most = std::int64_t(1) << 53;
  if (const auto* whole = get<std::int64_t>()) return std::clamp(*whole, -most, most);
  return std::int64_t(std::clamp(std::isnan(number()) ? 0.0 : number(), -double(most), double(most)));
}

bool Value::truthy() const {
  if (is_number()) return number() != 0;
  if (const auto* text = string()) return !text->empty();
  if (const auto* items = list()) return !items->empty();
  if (const auto* entries = dict()) return !entries->empty();
  return get<std::shared_ptr<const Callable>>() != nullptr;
}

std::string Value::text() const {
  if (const auto* value = string()) return *value;
  return is_undefined() ? "" : repr();
}

std::string Value::repr() const {
  if (is_none()) return "None";
  if (const auto* boolean = get<bool>()) return *boolean ? "True" : "False";
  if (const auto* integer = get<std::int64_t>()) return std::to_string(*integer);
  if (const auto* real = get<double>()) return float_text(*real);
  if (const auto* value = string()) return quoted(*value);
  std::string out;
  if (const auto* items = list()) {
    for (const Value& item : *items) out += (out.empty() ? "" : ", ") + item.repr();
    return "[" + out + "]";
  }
  if (const auto* entries = dict()) {
    for (const auto& [key, value] : *entries)
      out += (out.empty() ? "" : ", ") + quoted(key) + ": " + value.repr();
    return "{" + out + "}";
  }
  return is_undefined() ? "Undefined" : "<function>";
}

std::string Value::json(int indent, int depth) const {
  if (is_none() || is_undefined()) return "null";
  if (const auto* boolean = get<bool>()) return *boolean ? "true" : "false";
  if (const auto* value = string()) return json_string(*value);
  const auto* items = list();
  const auto* entries = dict();
  if (!items && !entries) return repr();
  std::string out;
  const std::string separator = (indent < 0 ? ", " : ",") + newline(indent, depth + 1);
  const auto append = [&](const std::string& part) {
    out += (out.empty() ? newline(indent, depth + 1) : separator) + part;
  };
  if (items) {
    for (const Value& item : *items) append(item.json(indent, depth + 1));
    return out.empty() ? "[]" : "[" + out + newline(indent, depth) + "]";
  }
  for (const auto& [key, value] : *entries) append(json_string(key) + ": " + value.json(indent, depth + 1));
  return out.empty() ? "{}" : "{" + out + newline(indent, depth) + "}";
}

bool Value::equals(const Value& other) const {
  if (is_number() && other.is_number()) return number() == other.number();
  if (const auto* items = list()) {
    const auto* others = other.list();
    return others && items->size() == others->size() &&
           std::equal(items->begin(), items->end(), others->begin(),
                      [](const Value& a, const Value& b) { return a.equals(b); });
  }
  if (const auto* entries = dict()) {
    const auto* others = other.dict();
    return others && entries->size() == others->size() &&
           std::all_of(entries->begin(), entries->end(), [&](const auto& entry) {
             const Value* match = find(*others, entry.first);
             return match && entry.second.equals(*match);
           });
  }
  return data == other.data;
}

const char* Value::type_name() const {
  constexpr const char* names[] = {"undefined", "none", "bool", "int",     "float",
                                   "string",    "list", "dict", "function"};
  return names[data.index()];
}

const Value* find(const Dict& dict, const std::string& key) {
  for (const auto& [name, value] : dict)
    if (name == key) return &value;
  return nullptr;
}

void assign(Dict& dict, const std::string& key, Value value) {
  for (auto& [name, present] : dict) {
    if (name != key) continue;
    present = std::move(value);
    return;
  }
  dict.emplace_back(key, std::move(value));
}

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Attributes, items, slices and loops, by the rules of Jinja's sandbox: what is missing is undefined, and
// only asking something of the undefined is an error.
#include <algorithm>
#include <array>

#include "core/text/jinja/functions.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

constexpr std::size_t max_parts = 1'000'000; // characters or items of one value

[[noreturn]] void undefined_error(const Value& object, const std::string& asked) {
  const std::string& name = object.get<Undefined>()->name;
  template_error("\"" + asked + "\" is asked of " + (name.empty() ? "something" : "\"" + name + "\"") +
                 ", which is not defined");
}

// Methods that would change a shared value: they exist, and the sandbox forbids them.
bool is_forbidden(const Value& object, const std::string& name) {
  constexpr std::array<std::string_view, 10> of_lists{"append", "extend",  "insert", "pop",  "remove",
                                                      "clear",  "reverse", "sort",   "copy", "__setitem__"};
  constexpr std::array<std::string_view, 5> of_dicts{"clear", "pop", "popitem", "setdefault", "update"};
  if (name.starts_with("_")) return object.string() || object.list() || object.dict();
  if (object.dict()) return std::find(of_dicts.begin(), of_dicts.end(), name) != of_dicts.end();
  if (object.list() && object.kind() == SequenceKind::list && name != "copy")
    return std::find(of_lists.begin(), of_lists.end(), name) != of_lists.end();
  return object.string() && (name == "format_map_unsafe");
}

const FunctionTable* methods_of(const Value& object) {
  if (object.string()) return &string_methods();
  if (object.list() || object.dict()) return &container_methods(object);
  return nullptr;
}

bool has_method(const Value& object, const std::string& name) {
  const FunctionTable* table = methods_of(object);
  return table && table->contains(name);
}

std::optional<Value> item_at(const List& items, const Value& key) {
  if (!key.is_whole()) return std::nullopt;
  auto index = key.integer();
  const auto size = std::int64_t(items.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return items[std::size_t(index)];
}

bool can_be_indexed(SequenceKind kind) {
  return kind == SequenceKind::list || kind == SequenceKind::tuple || kind == SequenceKind::group ||
         kind == SequenceKind::range;
}

// object[key], nothing where Python raises a LookupError or TypeError.
std::optional<Value> subscript(const Value& object, const Value& key) {
  if (const Dict* dict = object.dict()) {
    const Value* found = find(*dict, key);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (const List* items = object.list())
    return can_be_indexed(object.kind()) ? item_at(*items, key) : std::nullopt;
  if (const auto* text = object.string(); text && key.is_whole()) return item_at(characters_of(*text), key);
  return std::nullopt;
}

std::optional<Value> own_attribute(const Value& object, const std::string& name) {
  if (Object* target = object.object()) return target->attribute(name);
  if (object.list() && object.kind() == SequenceKind::group) { // of the filter groupby
    if (name == "grouper") return (*object.list())[0];
    if (name == "list") return (*object.list())[1];
  }
  if (has_method(object, name))
    return make_function("method",
                         [object, name](const Call& call) { return *call_method(object, name, call); });
  if (is_forbidden(object, name)) return Undefined{name, true};
  return std::nullopt;
}

} // namespace

std::optional<Value> call_method(const Value& object, const std::string& name, const Call& call) {
  const FunctionTable* table = methods_of(object);
  if (!table) return std::nullopt;
  const auto found = table->find(name);
  if (found == table->end()) return std::nullopt;
  return found->second.body(object, Arguments(call, found->second.parameters, name));
}

Value get_attribute(const Value& object, const std::string& name) {
  if (object.is_undefined()) undefined_error(object, name);
  if (auto own = own_attribute(object, name)) return *own;
  return subscript(object, name).value_or(Undefined{name});
}

Value get_item(const Value& object, const Value& key) {
  if (object.is_undefined()) undefined_error(object, str(key));
  if (auto item = subscript(object, key)) return *item;
  if (key.string())
    if (auto own = own_attribute(object, *key.string())) return *own;
  return Undefined{key.is_undefined() ? std::string() : str(key)};
}

Value get_path(const Value& object, const Value& path) {
  if (!path.string()) return get_item(object, path);
  Value at = object;
  std::size_t start = 0;
  for (const std::string& text = *path.string(); start <= text.size();) {
    const std::size_t end = std::min(text.find('.', start), text.size());
    const std::string part = text.substr(start, end - start);
    const bool number =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    const auto index = number ? parse_integer(part, 10) : std::nullopt;
    at = index ? get_item(at, *index) : get_item(at, part);
    start = end + 1;
  }
  return at;
}

List characters_of(const std::string& text) {
  List characters;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t length = read_utf8(text, position).length;
    characters.emplace_back(text.substr(position, length));
    position += length;
    if (characters.size() > max_parts) template_error("splits a text in too many parts");
  }
  return characters;
}

List items_of(const Value& value) {
  if (const List* items = value.list()) return *items;
  List keys;
  if (const Dict* dict = value.dict()) {
    for (const auto& entry : *dict) keys.push_back(entry.first);
    return keys;
  }
  if (value.is_undefined()) return {};
  if (const auto* text = value.string()) return characters_of(*text);
  template_error("cannot loop over a " + std::string(value.type_name()));
}

std::int64_t length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const auto* list = value.list(); list && value.kind() != SequenceKind::generator)
    return std::int64_t(list->size());
  if (const auto* dict = value.dict()) return std::int64_t(dict->size());
  if (const auto* text = value.string()) return std::int64_t(count_characters(*text));
  template_error("a " + std::string(value.type_name()) + " has no length");
}

Value slice_of(const Value& object, const Value& low, const Value& high, const Value& stride) {
  if (object.is_undefined()) undefined_error(object, "a slice");
  const std::string* text = object.string();
  if (!text && !(object.list() && can_be_indexed(object.kind()))) return Undefined{"a slice"};
  for (const Value* bound : {&low, &high, &stride})
    if (!bound->is_none() && !bound->is_whole()) return Undefined{"a slice"};
  const Value items = text ? Value(characters_of(*text)) : object;
  const auto size = std::int64_t(items.list()->size());
  const std::int64_t step = stride.is_whole() ? stride.integer() : 1;
  if (step == 0) template_error("a slice's step is 0");
  const auto bound = [&](const Value& value, std::int64_t fallback) {
    if (!value.is_whole()) return fallback;
    std::int64_t i = value.integer();
    if (i < 0) i += size;
    return step > 0 ? std::clamp<std::int64_t>(i, 0, size) : std::clamp<std::int64_t>(i, -1, size - 1);
  };
  const std::int64_t begin = bound(low, step > 0 ? 0 : size - 1), end = bound(high, step > 0 ? size : -1);
  List chosen;
  std::string characters;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    const Value& item = (*items.list())[std::size_t(i)];
    if (text)
      characters += *item.string();
    else
      chosen.push_back(item);
  }
  if (text) return characters;
  return Value::sequence(object.kind() == SequenceKind::tuple ? SequenceKind::tuple : SequenceKind::list,
                         std::move(chosen));
}

bool contains(const Value& container, const Value& item) {
  if (const auto* text = container.string()) {
    if (!item.string())
      template_error("\"in\" a string needs a string, not a " + std::string(item.type_name()));
    return text->find(*item.string()) != std::string::npos;
  }
  if (const auto* dict = container.dict()) return find(*dict, item);
  const List items = items_of(container);
  return std::any_of(items.begin(), items.end(), [&](const Value& each) { return equal(each, item); });
}

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jinja's filters on lists and dictionaries. What Jinja makes lazily is made at once here, and is a generator
// all the same: always true, without a length.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/text/jinja/functions.h"
#include "core/text/unicode.h"

namespace intarsia::jinja {
namespace {

using V = const Value&;
using A = const Arguments&;

Value generator(List items) { return Value::sequence(SequenceKind::generator, std::move(items)); }

Value folded(const Value& key, bool case_sensitive) {
  return key.string() && !case_sensitive ? Value(to_lower(*key.string())) : key;
}

// "a,b" names two attributes; none: the item itself.
Value sort_key(V item, V attribute, bool case_sensitive) {
  if (attribute.is_undefined() || attribute.is_none()) return folded(item, case_sensitive);
  if (!attribute.string()) return folded(get_path(item, attribute), case_sensitive);
  List keys;
  const std::string& names = *attribute.string();
  for (std::size_t start = 0; start <= names.size();) {
    const std::size_t end = std::min(names.find(',', start), names.size());
    keys.push_back(folded(get_path(item, names.substr(start, end - start)), case_sensitive));
    start = end + 1;
  }
  return keys;
}

using Keyed = std::vector<std::pair<Value, Value>>; // key, item

Keyed keyed(const List& items, V attribute, bool case_sensitive) {
  Keyed out;
  for (V item : items) out.emplace_back(sort_key(item, attribute, case_sensitive), item);
  return out;
}

void sort_keyed(Keyed& items, bool reverse) { // stable in both directions, as Python's is
  std::stable_sort(items.begin(), items.end(), [reverse](const auto& a, const auto& b) {
    return reverse ? less(b.first, a.first) : less(a.first, b.first);
  });
}

Value sorted(V value, A a) {
  Keyed items = keyed(items_of(value), a[2], a.truthy(1));
  sort_keyed(items, a.truthy(0));
  List out;
  for (const auto& entry : items) out.push_back(entry.second);
  return out;
}

Value dict_sorted(V value, A a) {
  if (!value.dict()) template_error("dictsort needs a dictionary, not a " + std::string(value.type_name()));
  const bool by_value = a.text(1, "key") == "value";
  Keyed items;
  for (const auto& [key, item] : *value.dict())
    items.emplace_back(folded(by_value ? item : key, a.truthy(0)),
                       Value::sequence(SequenceKind::tuple, {key, item}));
  sort_keyed(items, a.truthy(2));
  List out;
  for (const auto& entry : items) out.push_back(entry.second);
  return out;
}

Value grouped(V value, A a) {
  const bool case_sensitive = a.truthy(2);
  const auto attribute_of = [&](V item) {
    const Value found = get_path(item, a[0]);
    return found.is_undefined() && a.given(1) ? a[1] : found;
  };
  Keyed items;
  for (V item : items_of(value)) items.emplace_back(folded(attribute_of(item), case_sensitive), item);
  sort_keyed(items, false);
  List groups;
  for (std::size_t begin = 0; begin < items.size();) {
    std::size_t end = begin;
    List members;
    for (; end < items.size() && equal(items[end].first, items[begin].first); ++end)
      members.push_back(items[end].second);
    groups.push_back(Value::sequence(SequenceKind::group, {attribute_of(members[0]), members}));
    begin = end;
  }
  return groups;
}

Value unique(V value, A a) {
  const Keyed items = keyed(items_of(value), a[1], a.truthy(0));
  List seen, out;
  for (const auto& [key, item] : items) {
    if (seen.size() > 10'000) template_error("takes too many steps");
    if (std::any_of(seen.begin(), seen.end(), [&key = key](V other) { return equal(other, key); })) continue;
    seen.push_back(key);
    out.push_back(item);
  }
  return generator(std::move(out));
}

Value extreme(V value, A a, bool greatest) {
  const Keyed items = keyed(items_of(value), a[1], a.truthy(0));
  if (items.empty()) return Undefined{"an item of an empty list"};
  const std::pair<Value, Value>* best = &items[0];
  for (const auto& item : items)
    if (greatest ? less(best->first, item.first) : less(item.first, best->first)) best = &item;
  return best->second;
}

Value sum(V value, A a) {
  double real = 0;
  std::int64_t whole = 0;
  bool is_real = false;
  const auto add = [&](V item) {
    if (!item.is_number()) template_error("sum needs numbers, not a " + std::string(item.type_name()));
    is_real = is_real || item.get<double>();
    real += item.number();
    if (__builtin_add_overflow(whole, item.integer(), &whole)) template_error("a number grows too large");
  };
  add(a.given(1) ? a[1] : Value(std::int64_t(0)));
  for (V item : items_of(value)) add(a.given(0) && !a[0].is_none() ? get_path(item, a[0]) : item);
  return is_real ? Value(real) : Value(whole);
}

Value batches(V value, A a) {
  const std::int64_t size = a.integer(0, 0);
  if (size < 1) template_error("batch needs a size of at least 1");
  List out, batch;
  for (V item : items_of(value)) {
    if (std::int64_t(batch.size()) == size) out.emplace_back(std::exchange(batch, {}));
    batch.push_back(item);
  }
  if (!batch.empty()) {
    if (a.given(1) && !a[1].is_none() && size < 100'000)
      while (std::int64_t(batch.size()) < size) batch.push_back(a[1]);
    out.emplace_back(batch);
  }
  return generator(std::move(out));
}

Value slices(V value, A a) {
  const List items = items_of(value);
  const std::int64_t count = a.integer(0, 0), size = std::int64_t(items.size());
  if (count < 1 || count > 100'000) template_error("slice needs a count of at least 1");
  List out;
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool longer = i < size % count;
    List part;
    for (std::int64_t end = at + size / count + (longer ? 1 : 0); at < end; ++at)
      part.push_back(items[std::size_t(at)]);
    if (a.given(1) && !a[1].is_none() && !longer) part.push_back(a[1]);
    out.emplace_back(part);
  }
  return generator(std::move(out));
}

Value join(V value, A a) {
  const std::string separator = a.text(0);
  std::string out;
  bool first = true;
  for (V item : items_of(value)) {
    out += (first ? "" : separator) + str(a.given(1) && !a[1].is_none() ? get_path(item, a[1]) : item);
    first = false;
    if (out.size() > max_value_weight) template_error("writes too much text");
  }
  return out;
}

Value end_of(V value, bool first) {
  if (!first && value.is_undefined()) return Undefined{"last"};
  const List items = items_of(value);
  if (items.empty()) return Undefined{first ? "first" : "last"};
  return first ? items.front() : items.back();
}

Value reversed(V value, A) {
  List items = items_of(value);
  std::reverse(items.begin(), items.end());
  if (!value.string()) return generator(std::move(items));
  std::string out;
  for (V item : items) out += *item.string();
  return out;
}

Value pairs(V value, A) {
  if (value.is_undefined()) return generator({});
  if (!value.dict()) template_error("items needs a dictionary, not a " + std::string(value.type_name()));
  return generator(items_of(*call_method(value, "items", {})));
}

// selectattr and rejectattr: items whose attribute is true, or passes a test.
Value selected(V value, A a, bool by_attribute, bool keep) {
  const List& given = a.call().positional;
  const std::size_t test_at = by_attribute ? 1 : 0;
  if (given.size() < test_at) template_error("\"" + std::string(a.function()) + "\" needs an attribute");
  List chosen;
  Call rest;
  if (given.size() > test_at)
    rest.positional.assign(given.begin() + std::ptrdiff_t(test_at) + 1, given.end());
  rest.named = a.call().named;
  for (V item : items_of(value)) {
    const Value subject = by_attribute ? get_path(item, given[0]) : item;
    const bool passes =
        given.size() > test_at ? apply_test(str(given[test_at]), subject, rest) : truthy(subject);
    if (passes == keep) chosen.push_back(item);
  }
  return generator(std::move(chosen));
}

Value mapped(V value, A a) {
  const Value* attribute = a.call().find_named("attribute");
  const Value* fallback = a.call().find_named("default");
  Call rest = a.call();
  if (!attribute) {
    if (rest.positional.empty()) template_error("map needs a filter or an attribute");
    rest.positional.erase(rest.positional.begin());
  } else if (rest.named.size() > (fallback ? 2u : 1u) || !rest.positional.empty()) {
    template_error("map takes no argument besides attribute and default");
  }
  List out;
  for (V item : items_of(value)) {
    if (!attribute) {
      out.push_back(apply_filter(str(a.call().positional[0]), item, rest));
      continue;
    }
    Value found = get_path(item, *attribute);
    if (found.is_undefined() && fallback) found = *fallback;
    out.push_back(std::move(found));
  }
  return generator(std::move(out));
}

Value attribute_of(V value, A a) {
  if (value.dict()) { // attributes only, never items
    const auto& methods = container_methods(value);
    return methods.contains(a.text(0)) ? get_attribute(value, a.text(0)) : Value(Undefined{a.text(0)});
  }
  return get_attribute(value, a.text(0));
}

} // namespace

const FunctionTable& sequence_filters() {
  static const FunctionTable table{
      {"length", {{}, [](V v, A) -> Value { return length_of(v); }}},
      {"count", {{}, [](V v, A) -> Value { return length_of(v); }}},
      {"list", {{}, [](V v, A) -> Value { return items_of(v); }}},
      {"items", {{}, pairs}},
      {"first", {{}, [](V v, A) { return end_of(v, true); }}},
      {"last", {{}, [](V v, A) { return end_of(v, false); }}},
      {"reverse", {{}, reversed}},
      {"join", {{"d", "attribute"}, join}},
      {"sort", {{"reverse", "case_sensitive", "attribute"}, sorted}},
      {"dictsort", {{"case_sensitive", "by", "reverse"}, dict_sorted}},
      {"groupby", {{"attribute", "default", "case_sensitive"}, grouped}},
      {"unique", {{"case_sensitive", "attribute"}, unique}},
      {"max", {{"case_sensitive", "attribute"}, [](V v, A a) { return extreme(v, a, true); }}},
      {"min", {{"case_sensitive", "attribute"}, [](V v, A a) { return extreme(v, a, false); }}},
      {"sum", {{"attribute", "start"}, sum}},
      {"batch", {{"linecount", "fill_with"}, batches}},
      {"slice", {{"slices", "fill_with"}, slices}},
      {"select", {{"*"}, [](V v, A a) { return selected(v, a, false, true); }}},
      {"reject", {{"*"}, [](V v, A a) { return selected(v, a, false, false); }}},
      {"selectattr", {{"*"}, [](V v, A a) { return selected(v, a, true, true); }}},
      {"rejectattr", {{"*"}, [](V v, A a) { return selected(v, a, true, false); }}},
      {"map", {{"*"}, mapped}},
      {"attr", {{"name"}, attribute_of}},
  };
  return table;
}

Value apply_filter(const std::string& name, const Value& value, const Call& call) {
  for (const FunctionTable* table : {&text_filters(), &sequence_filters()})
    if (const auto found = table->find(name); found != table->end())
      return found->second.body(value, Arguments(call, found->second.parameters, name));
  template_error("the filter \"" + name + "\" is not supported");
}

} // namespace intarsia::jinja

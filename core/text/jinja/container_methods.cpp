// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The methods of lists, tuples and dictionaries that change nothing.
#include <algorithm>

#include "core/text/jinja/functions.h"

namespace intarsia::jinja {
namespace {

using V = const Value&;
using A = const Arguments&;

Value index_of(V subject, A a) {
  const List& items = *subject.list();
  const auto found = std::find_if(items.begin(), items.end(), [&](V item) { return equal(item, a[0]); });
  if (found == items.end()) template_error("the item that index() seeks is not there");
  return std::int64_t(found - items.begin());
}

Value count_of(V subject, A a) {
  return std::int64_t(std::count_if(subject.list()->begin(), subject.list()->end(),
                                    [&](V item) { return equal(item, a[0]); }));
}

Value items_view(V subject, A) {
  List pairs;
  for (const auto& [key, value] : *subject.dict())
    pairs.push_back(Value::sequence(SequenceKind::tuple, {key, value}));
  return Value::sequence(SequenceKind::items, std::move(pairs));
}

Value keys_view(V subject, A) {
  List keys;
  for (const auto& entry : *subject.dict()) keys.push_back(entry.first);
  return Value::sequence(SequenceKind::keys, std::move(keys));
}

Value values_view(V subject, A) {
  List values;
  for (const auto& entry : *subject.dict()) values.push_back(entry.second);
  return Value::sequence(SequenceKind::values, std::move(values));
}

Value get(V subject, A a) {
  const Value* found = find(*subject.dict(), a[0]);
  if (found) return *found;
  return a.call().positional.size() > 1 || a.given(1) ? a[1] : Value(None{});
}

} // namespace

const FunctionTable& container_methods(const Value& object) {
  static const FunctionTable of_lists{{"index", {{"value"}, index_of}},
                                      {"count", {{"value"}, count_of}},
                                      {"copy", {{}, [](V subject, A) { return subject; }}}};
  static const FunctionTable of_tuples{{"index", {{"value"}, index_of}}, {"count", {{"value"}, count_of}}};
  static const FunctionTable of_dicts{{"items", {{}, items_view}},
                                      {"keys", {{}, keys_view}},
                                      {"values", {{}, values_view}},
                                      {"get", {{"key", "default"}, get}},
                                      {"copy", {{}, [](V subject, A) { return subject; }}}};
  static const FunctionTable none;
  if (object.dict()) return of_dicts;
  if (object.kind() == SequenceKind::list) return of_lists;
  const bool tuple = object.kind() == SequenceKind::tuple || object.kind() == SequenceKind::group ||
                     object.kind() == SequenceKind::range;
  return tuple ? of_tuples : none;
}

} // namespace intarsia::jinja

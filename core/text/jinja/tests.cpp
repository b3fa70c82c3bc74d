// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jinja's tests: "is defined", "is divisibleby 3".
#include <cmath>

#include "core/text/jinja/functions.h"

namespace intarsia::jinja {
namespace {

using V = const Value&;
using A = const Arguments&;

double need_number(V value) {
  if (!value.is_number()) template_error("a test needs a number, not a " + std::string(value.type_name()));
  return value.number();
}

Value is_even(V value, A) { return std::fmod(need_number(value), 2) == 0; }
Value is_odd(V value, A) { return std::fmod(std::abs(need_number(value)), 2) == 1; }

Value is_divisible(V value, A a) {
  const double by = need_number(a[0]);
  if (by == 0) template_error("division by zero");
  return std::fmod(need_number(value), by) == 0;
}

Value is_same(V value, A a) {
  V other = a[0];
  if (std::string_view(value.type_name()) != other.type_name()) return false;
  if (value.list()) return value.list() == other.list();
  if (value.dict()) return value.dict() == other.dict();
  return equal(value, other);
}

Value is_sequence(V value, A) {
  return value.string() || value.dict() || value.is_undefined() ||
         (value.list() && value.kind() != SequenceKind::generator && value.kind() != SequenceKind::keys &&
          value.kind() != SequenceKind::values && value.kind() != SequenceKind::items);
}

Value is_iterable(V value, A) {
  return value.list() || value.string() || value.dict() || value.is_undefined();
}

Value case_test(V value, const char* method) { return *call_method(str(value), method, {}); }

Value is_equal(V value, A a) { return equal(value, a[0]); }
Value is_unequal(V value, A a) { return !equal(value, a[0]); }
Value is_less(V value, A a) { return less(value, a[0]); }
Value is_greater(V value, A a) { return less(a[0], value); }
Value is_at_most(V value, A a) { return less(value, a[0]) || equal(value, a[0]); }
Value is_at_least(V value, A a) { return less(a[0], value) || equal(value, a[0]); }

} // namespace

const FunctionTable& tests() {
  static const FunctionTable table{
      {"defined", {{}, [](V v, A) -> Value { return !v.is_undefined(); }}},
      {"undefined", {{}, [](V v, A) -> Value { return v.is_undefined(); }}},
      {"none", {{}, [](V v, A) -> Value { return v.is_none(); }}},
      {"string", {{}, [](V v, A) -> Value { return v.string() != nullptr; }}},
      {"number", {{}, [](V v, A) -> Value { return v.is_number(); }}},
      {"integer", {{}, [](V v, A) -> Value { return v.get<std::int64_t>() != nullptr; }}},
      {"float", {{}, [](V v, A) -> Value { return v.get<double>() != nullptr; }}},
      {"boolean", {{}, [](V v, A) -> Value { return v.get<bool>() != nullptr; }}},
      {"mapping", {{}, [](V v, A) -> Value { return v.dict() != nullptr; }}},
      {"sequence", {{}, is_sequence}},
      {"iterable", {{}, is_iterable}},
      {"callable", {{}, [](V v, A) -> Value { return v.object() && v.object()->callable(); }}},
      {"escaped", {{}, [](V, A) -> Value { return false; }}},
      {"true", {{}, [](V v, A) -> Value { return v.get<bool>() && *v.get<bool>(); }}},
      {"false", {{}, [](V v, A) -> Value { return v.get<bool>() && !*v.get<bool>(); }}},
      {"lower", {{}, [](V v, A) { return case_test(v, "islower"); }}},
      {"upper", {{}, [](V v, A) { return case_test(v, "isupper"); }}},
      {"even", {{}, is_even}},
      {"odd", {{}, is_odd}},
      {"divisibleby", {{"num"}, is_divisible}},
      {"sameas", {{"other"}, is_same}},
      {"in", {{"seq"}, [](V v, A a) -> Value { return contains(a[0], v); }}},
      {"filter",
       {{},
        [](V v, A) -> Value {
          return text_filters().contains(str(v)) || sequence_filters().contains(str(v));
        }}},
      {"test", {{}, [](V v, A) -> Value { return tests().contains(str(v)); }}},
      {"eq", {{"other"}, is_equal}},
      {"equalto", {{"other"}, is_equal}},
      {"==", {{"other"}, is_equal}},
      {"ne", {{"other"}, is_unequal}},
      {"!=", {{"other"}, is_unequal}},
      {"lt", {{"other"}, is_less}},
      {"lessthan", {{"other"}, is_less}},
      {"<", {{"other"}, is_less}},
      {"gt", {{"other"}, is_greater}},
      {"greaterthan", {{"other"}, is_greater}},
      {">", {{"other"}, is_greater}},
      {"le", {{"other"}, is_at_most}},
      {"<=", {{"other"}, is_at_most}},
      {"ge", {{"other"}, is_at_least}},
      {">=", {{"other"}, is_at_least}},
  };
  return table;
}

bool apply_test(const std::string& name, const Value& value, const Call& call) {
  const auto found = tests().find(name);
  if (found == tests().end()) template_error("the test \"" + name + "\" is not supported");
  return truthy(found->second.body(value, Arguments(call, found->second.parameters, name)));
}

} // namespace intarsia::jinja

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jinja's filters on texts and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja/functions.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

using V = const Value&;
using A = const Arguments&;

Value method(V value, const char* name, A a) { return *call_method(str(value), name, a.call()); }

Value title(V value, A) { // words begin behind blanks, hyphens and opening brackets
  bool inside = false;
  std::u32string out;
  std::string text;
  for (const char32_t c : to_code_points(str(value))) {
    const bool opens =
        is_white_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
    if (inside)
      append_lower(c, out);
    else
      append_upper(c, out);
    inside = !opens;
  }
  return to_utf8(out);
}

Value indent(V value, A a) {
  const std::string margin =
      a[0].string() ? *a[0].string()
                    : std::string(std::size_t(std::clamp<std::int64_t>(a.integer(0, 4), 0, 4096)), ' ');
  const bool first = a.truthy(1), blank = a.truthy(2);
  const List lines = *string_methods().at("splitlines").body(str(value) + "\n", Arguments({}, {}, "")).list();
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i == 0 ? first : blank || !lines[i].string()->empty()) out += margin;
    out += *lines[i].string();
    if (out.size() > max_value_weight) template_error("writes too much text");
  }
  return out;
}

Value word_count(V value, A) {
  std::int64_t words = 0;
  bool inside = false;
  for (const char32_t c : to_code_points(str(value))) {
    if (!inside && is_word_character(c)) ++words;
    inside = is_word_character(c);
  }
  return words;
}

Value truncate(V value, A a) {
  const std::u32string text = to_code_points(str(value)), end = to_code_points(a.text(2, "..."));
  const std::int64_t length = a.integer(0, 255), leeway = a.integer(3, 5);
  if (std::int64_t(text.size()) <= length + leeway) return str(value);
  if (length < std::int64_t(end.size())) template_error("truncate needs a length of at least its end's");
  std::u32string cut = text.substr(0, std::size_t(length) - end.size());
  if (!a.truthy(1))
    if (const auto space = cut.rfind(U' '); space != std::u32string::npos) cut.resize(space);
  return to_utf8(cut + end);
}

Value escape(V value, A) {
  std::string out;
  for (const char c : str(value)) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&#34;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

Value url_encoded(V value, A) {
  if (!value.string() && !value.is_number()) template_error("urlencode needs a string");
  constexpr const char* digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : str(value)) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("_.-~/").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

Value to_integer(V value, A a) {
  const Value fallback = a.given(0) ? a[0] : Value(std::int64_t(0));
  if (const auto* text = value.string()) {
    if (const auto whole = parse_integer(*text, int(a.integer(1, 10)))) return *whole;
    const auto real = parse_float(*text);
    return real && std::isfinite(*real) ? Value(Value(*real).integer()) : fallback;
  }
  if (!value.is_number()) return fallback;
  return value.is_whole() || std::isfinite(value.number()) ? Value(value.integer()) : fallback;
}

Value to_real(V value, A a) {
  const Value fallback = a.given(0) ? a[0] : Value(0.0);
  if (const auto* text = value.string()) {
    const auto real = parse_float(*text);
    return real ? Value(*real) : fallback;
  }
  return value.is_number() ? Value(value.number()) : fallback;
}

Value absolute(V value, A) {
  if (!value.is_number()) template_error("abs needs a number, not a " + std::string(value.type_name()));
  return value.get<double>() ? Value(std::abs(value.number())) : Value(std::abs(value.integer()));
}

// Python's round: of the exact decimal value, halves to even.
double rounded(double value, std::int64_t precision) {
  char buffer[400];
  const double scale = std::pow(10.0, double(-precision));
  if (precision < 0) return std::nearbyint(value / scale) * scale;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed,
                                 int(std::min<std::int64_t>(precision, 40)));
  double result = value;
  if (end.ec == std::errc()) std::from_chars(buffer, end.ptr, result);
  return result;
}

Value round_number(V value, A a) {
  if (!value.is_number()) template_error("round needs a number, not a " + std::string(value.type_name()));
  const std::int64_t precision = std::clamp<std::int64_t>(a.integer(0, 0), -300, 300);
  const std::string way = a.text(1, "common");
  if (way == "common") {
    if (value.is_whole() && precision >= 0) return value.integer();
    const double result = rounded(value.number(), precision);
    return value.is_whole() ? Value(Value(result).integer()) : Value(result);
  }
  if (way != "ceil" && way != "floor") template_error("round knows common, ceil and floor");
  const double scale = std::pow(10.0, double(precision)), scaled = value.number() * scale;
  return (way == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value format(V value, A a) {
  if (!a.call().named.empty()) {
    Dict fields;
    for (const auto& [name, item] : a.call().named) assign(fields, name, item);
    return percent_format(str(value), fields);
  }
  return percent_format(str(value), Value::sequence(SequenceKind::tuple, a.call().positional));
}

Value json(V value, A a) { // transformers' own: json.dumps(x, ensure_ascii, indent, separators, sort_keys)
  JsonStyle style;
  style.ensure_ascii = a.truthy(0);
  style.indented = a.given(1) && !a[1].is_none();
  if (style.indented) {
    style.indent = a[1].string()
                       ? *a[1].string()
                       : std::string(std::size_t(std::clamp<std::int64_t>(a.integer(1, 0), 0, 64)), ' ');
    style.item_separator = ",";
  }
  if (a.given(2) && !a[2].is_none()) {
    const List separators = items_of(a[2]);
    if (separators.size() != 2) template_error("tojson needs two separators");
    style.item_separator = str(separators[0]);
    style.key_separator = str(separators[1]);
  }
  style.sort_keys = a.truthy(3);
  return to_json(value, style);
}

Value fallback(V value, A a) {
  const bool use = value.is_undefined() || (a.truthy(1) && !truthy(value));
  return !use ? value : a.call().positional.empty() && !a.given(0) ? Value("") : a[0];
}

Value as_text(V value, A) { return str(value); }

} // namespace

const FunctionTable& text_filters() {
  static const FunctionTable table{
      {"trim", {{"chars"}, [](V v, A a) { return method(v, "strip", a); }}},
      {"upper", {{}, [](V v, A) -> Value { return to_upper(str(v)); }}},
      {"lower", {{}, [](V v, A) -> Value { return to_lower(str(v)); }}},
      {"title", {{}, title}},
      {"capitalize", {{}, [](V v, A) -> Value { return capitalized(str(v)); }}},
      {"string", {{}, as_text}},
      {"safe", {{}, as_text}},
      {"pprint", {{"verbose"}, [](V v, A) -> Value { return repr(v); }}},
      {"e", {{}, escape}},
      {"escape", {{}, escape}},
      {"forceescape", {{}, escape}},
      {"urlencode", {{}, url_encoded}},
      {"indent", {{"width", "first", "blank"}, indent}},
      {"wordcount", {{}, word_count}},
      {"truncate", {{"length", "killwords", "end", "leeway"}, truncate}},
      {"center",
       {{"width"},
        [](V v, A a) {
          return *call_method(str(v), "center", {{a.given(0) ? a[0] : Value(std::int64_t(80))}, {}});
        }}},
      {"replace",
       {{"old", "new", "count"},
        [](V v, A a) -> Value {
          return replaced(str(v), a.text(0), a.text(1), a[2].is_none() ? -1 : a.integer(2, -1));
        }}},
      {"int", {{"default", "base"}, to_integer}},
      {"float", {{"default"}, to_real}},
      {"abs", {{}, absolute}},
      {"round", {{"precision", "method"}, round_number}},
      {"format", {{"*"}, format}},
      {"tojson", {{"ensure_ascii", "indent", "separators", "sort_keys"}, json}},
      {"default", {{"default_value", "boolean"}, fallback}},
      {"d", {{"default_value", "boolean"}, fallback}},
  };
  return table;
}

} // namespace intarsia::jinja

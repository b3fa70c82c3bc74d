// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Values as text: str(), repr() and json.dumps().
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja/value.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

std::string hex(char32_t c, std::size_t digits) {
  constexpr const char* alphabet = "0123456789abcdef";
  std::string out(digits, '0');
  for (std::size_t i = digits; i-- > 0; c >>= 4) out[i] = alphabet[c & 15];
  return out;
}

std::string joined(const List& items, const char* open, const char* close) {
  std::string out = open;
  for (std::size_t i = 0; i < items.size(); ++i) out += (i ? ", " : "") + repr(items[i]);
  return out + close;
}

std::string range_text(const List& items) {
  if (items.empty()) return "range(0, 0)";
  const std::int64_t first = items[0].integer(), step = items.size() > 1 ? items[1].integer() - first : 1;
  std::string out =
      "range(" + std::to_string(first) + ", " + std::to_string(first + step * std::int64_t(items.size()));
  if (step != 1) out += ", " + std::to_string(step);
  return out + ")";
}

std::string sequence_text(SequenceKind kind, const List& items) {
  switch (kind) {
  case SequenceKind::list:
    return joined(items, "[", "]");
  case SequenceKind::tuple:
  case SequenceKind::group:
    return joined(items, "(", items.size() == 1 ? ",)" : ")");
  case SequenceKind::range:
    return range_text(items);
  case SequenceKind::generator:
    return "<generator>";
  case SequenceKind::keys:
    return joined(items, "dict_keys([", "])");
  case SequenceKind::values:
    return joined(items, "dict_values([", "])");
  case SequenceKind::items:
    return joined(items, "dict_items([", "])");
  }
  return {};
}

std::string json_string(const std::string& text, bool ensure_ascii) {
  std::string out = "\"";
  for (std::size_t position = 0; position < text.size();) {
    const Utf8Character character = read_utf8(text, position);
    const char32_t c = character.valid ? character.code_point : U'\uFFFD';
    position += character.length;
    constexpr std::u32string_view escaped = U"\"\\\n\r\t\b\f";
    constexpr std::string_view letters = "\"\\nrtbf";
    if (const auto at = escaped.find(c); at != std::u32string_view::npos) {
      out += '\\';
      out += letters[at];
    } else if (c < 0x20 || (ensure_ascii && c > 0x7E && c < 0x10000)) {
      out += "\\u" + hex(c, 4);
    } else if (ensure_ascii && c >= 0x10000) {
      out +=
          "\\u" + hex(0xD800 + ((c - 0x10000) >> 10), 4) + "\\u" + hex(0xDC00 + ((c - 0x10000) & 0x3FF), 4);
    } else {
      append_utf8(c, out);
    }
  }
  return out + '"';
}

std::string json_number(const Value& value) {
  if (const auto* boolean = value.get<bool>()) return *boolean ? "true" : "false";
  if (const auto* real = value.get<double>()) {
    if (std::isnan(*real)) return "NaN";
    if (std::isinf(*real)) return *real > 0 ? "Infinity" : "-Infinity";
  }
  return repr(value);
}

std::string json_key(const Value& key) {
  if (key.string()) return *key.string();
  if (key.is_none()) return "null";
  if (key.is_number()) return json_number(key);
  template_error("a dictionary's key of type " + std::string(key.type_name()) + " cannot be written as JSON");
}

std::string json_text(const Value& value, const JsonStyle& style, const std::string& margin);

std::string json_block(const std::vector<std::string>& parts, const char* open, const char* close,
                       const JsonStyle& style, const std::string& margin) {
  if (parts.empty()) return std::string(open) + close;
  const std::string inner = style.indented ? margin + style.indent : "";
  std::string out = open + inner;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += style.item_separator + inner;
    out += parts[i];
  }
  return out + (style.indented ? margin : "") + close;
}

std::string json_text(const Value& value, const JsonStyle& style, const std::string& margin) {
  if (value.is_none()) return "null";
  if (value.is_number()) return json_number(value);
  if (const auto* text = value.string()) return json_string(*text, style.ensure_ascii);
  const std::string inner = margin + style.indent;
  std::vector<std::string> parts;
  if (const List* items = value.list();
      items && (value.kind() == SequenceKind::list || value.kind() == SequenceKind::tuple ||
                value.kind() == SequenceKind::group)) {
    for (const Value& item : *items) parts.push_back(json_text(item, style, inner));
    return json_block(parts, "[", "]", style, margin);
  }
  const Dict* dict = value.dict();
  if (!dict)
    template_error("a value of type " + std::string(value.type_name()) + " cannot be written as JSON");
  Dict sorted;
  if (style.sort_keys) {
    sorted = *dict;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return less(a.first, b.first); });
  }
  for (const auto& [key, item] : style.sort_keys ? sorted : *dict)
    parts.push_back(json_string(json_key(key), style.ensure_ascii) + style.key_separator +
                    json_text(item, style, inner));
  return json_block(parts, "{", "}", style, margin);
}

} // namespace

// Python's repr of a float: the shortest digits; an exponent from 1e16 up and below 1e-4.
std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[40];
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e16))
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr};
  std::string text(buffer,
                   std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string quoted(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char32_t c : to_code_points(text)) {
    if (c == char32_t(quote) || c == '\\') {
      out += '\\';
      out += char(c);
    } else if (c == '\n' || c == '\t' || c == '\r') {
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
    } else if (is_printable(c)) {
      append_utf8(c, out);
    } else {
      out += c < 0x100 ? "\\x" + hex(c, 2) : c < 0x10000 ? "\\u" + hex(c, 4) : "\\U" + hex(c, 8);
    }
  }
  return out + quote;
}

std::string str(const Value& value) {
  if (const auto* text = value.string()) return *text;
  if (value.is_undefined()) return "";
  return repr(value);
}

std::string repr(const Value& value) {
  if (value.is_none()) return "None";
  if (const auto* boolean = value.get<bool>()) return *boolean ? "True" : "False";
  if (const auto* whole = value.get<std::int64_t>()) return std::to_string(*whole);
  if (const auto* real = value.get<double>()) return float_text(*real);
  if (const auto* text = value.string()) return quoted(*text);
  if (const auto* items = value.list()) return sequence_text(value.kind(), *items);
  if (const auto* entries = value.dict()) {
    std::string out;
    for (const auto& [key, item] : *entries) out += (out.empty() ? "" : ", ") + repr(key) + ": " + repr(item);
    return "{" + out + "}";
  }
  return value.is_undefined() ? "Undefined" : "<" + std::string(value.type_name()) + ">";
}

std::string to_json(const Value& value, const JsonStyle& style) { return json_text(value, style, "\n"); }

} // namespace intarsia::jinja

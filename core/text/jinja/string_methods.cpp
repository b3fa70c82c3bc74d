// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The methods of Python's str, on Unicode characters.
#include <algorithm>

#include "core/text/jinja/functions.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

using Text = std::u32string;

const std::string& of(const Value& subject) { return *subject.string(); }
Text characters(const Value& subject) { return to_code_points(of(subject)); }

std::string need_text(const Arguments& a, std::size_t i) {
  if (!a[i].string())
    template_error("\"" + std::string(a.function()) + "\" needs a string, not a " + a[i].type_name());
  return *a[i].string();
}

Value stripped(const Value& subject, const Arguments& a, bool left, bool right) {
  Text text = characters(subject);
  const bool by_set = a.given(0) && !a[0].is_none();
  const Text set = by_set ? to_code_points(need_text(a, 0)) : Text();
  const auto goes = [&](char32_t c) { return by_set ? set.find(c) != Text::npos : is_python_space(c); };
  std::size_t begin = 0, end = text.size();
  while (left && begin < end && goes(text[begin])) ++begin;
  while (right && end > begin && goes(text[end - 1])) --end;
  return to_utf8(std::u32string_view(text).substr(begin, end - begin));
}

List split_at_spaces(const Text& text, std::int64_t most, bool from_right) {
  List parts;
  std::size_t begin = 0, end = text.size();
  const auto skip = [&] {
    while (begin < end && is_python_space(text[begin])) ++begin;
    while (from_right && end > begin && is_python_space(text[end - 1])) --end;
  };
  for (;;) {
    if (from_right) {
      while (end > begin && is_python_space(text[end - 1])) --end;
    } else {
      skip();
    }
    if (begin == end) break;
    if (most >= 0 && std::int64_t(parts.size()) == most) { // the rest, stripped on the side that was cut
      if (from_right) {
        parts.emplace_back(to_utf8(Text(text, 0, end)));
      } else {
        parts.emplace_back(to_utf8(Text(text, begin)));
      }
      break;
    }
    std::size_t from = begin, to = end;
    if (from_right) {
      from = end;
      while (from > 0 && !is_python_space(text[from - 1])) --from;
      end = from;
    } else {
      to = begin;
      while (to < end && !is_python_space(text[to])) ++to;
      begin = to;
    }
    parts.emplace_back(to_utf8(Text(text, from, to - from)));
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

List split_at(const std::string& text, const std::string& separator, std::int64_t most, bool from_right) {
  if (separator.empty()) template_error("split needs a separator that is not empty");
  List parts;
  std::size_t begin = 0, end = text.size();
  while (most < 0 || std::int64_t(parts.size()) < most) {
    const auto at = from_right ? (end < separator.size() ? std::string::npos
                                                         : text.rfind(separator, end - separator.size()))
                               : text.find(separator, begin);
    if (at == std::string::npos) break;
    if (from_right) {
      parts.emplace_back(text.substr(at + separator.size(), end - at - separator.size()));
      end = at;
    } else {
      parts.emplace_back(text.substr(begin, at - begin));
      begin = at + separator.size();
    }
  }
  parts.emplace_back(from_right ? text.substr(0, end) : text.substr(begin));
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

Value split(const Value& subject, const Arguments& a, bool from_right) {
  const std::int64_t most = a.integer(1, -1);
  if (!a.given(0) || a[0].is_none()) return split_at_spaces(characters(subject), most, from_right);
  return split_at(of(subject), need_text(a, 0), most, from_right);
}

Value lines_of(const Value& subject, const Arguments& a) {
  const Text text = characters(subject);
  const bool keep = a.truthy(0);
  constexpr std::u32string_view ends = U"\n\r\v\f\x1C\x1D\x1E\u0085\u2028\u2029";
  List lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t at = std::min(text.find_first_of(ends, start), text.size());
    const std::size_t width = at == text.size()                                                  ? 0
                              : text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2
                                                                                                 : 1;
    lines.emplace_back(to_utf8(Text(text, start, at - start + (keep ? width : 0))));
    start = at + width;
    if (width == 0) break;
  }
  return lines;
}

Value partition(const Value& subject, const Arguments& a, bool from_right) {
  const std::string separator = need_text(a, 0);
  if (separator.empty()) template_error("partition needs a separator that is not empty");
  const auto at = from_right ? of(subject).rfind(separator) : of(subject).find(separator);
  List parts;
  if (at != std::string::npos)
    parts = {of(subject).substr(0, at), separator, of(subject).substr(at + separator.size())};
  else if (from_right)
    parts = {"", "", of(subject)};
  else
    parts = {of(subject), "", ""};
  return Value::sequence(SequenceKind::tuple, std::move(parts));
}

// The part between start and end of a text, as find and startswith take it.
struct Window {
  Text text;
  std::size_t start = 0;
  bool valid = true;
};
Window window_of(const Value& subject, const Arguments& a) {
  const Text all = characters(subject);
  const auto size = std::int64_t(all.size());
  const auto bound = [&](std::size_t i, std::int64_t fallback) {
    std::int64_t at = a.given(i) && !a[i].is_none() ? a.integer(i, fallback) : fallback;
    if (at < 0) at = std::max<std::int64_t>(0, at + size);
    return at;
  };
  const std::int64_t start = bound(1, 0), end = std::min(bound(2, size), size);
  if (start > end) return {{}, std::size_t(std::min(start, size)), false};
  return {Text(all, std::size_t(start), std::size_t(end - start)), std::size_t(start), true};
}

Value position(const Value& subject, const Arguments& a, bool last, bool must) {
  const Window window = window_of(subject, a);
  const Text sought = to_code_points(need_text(a, 0));
  const auto at = !window.valid ? Text::npos : last ? window.text.rfind(sought) : window.text.find(sought);
  if (at == Text::npos && must) template_error("the text that index() seeks is not there");
  return at == Text::npos ? std::int64_t(-1) : std::int64_t(at + window.start);
}

Value affix(const Value& subject, const Arguments& a, bool at_start) {
  const Window window = window_of(subject, a);
  const auto fits = [&](const Value& value) {
    if (!value.string())
      template_error("\"" + std::string(a.function()) + "\" needs a string, not a " + value.type_name());
    const Text sought = to_code_points(*value.string());
    return window.valid && (at_start ? window.text.starts_with(sought) : window.text.ends_with(sought));
  };
  const List* several = a[0].list() && a[0].kind() == SequenceKind::tuple ? a[0].list() : nullptr;
  return several ? std::any_of(several->begin(), several->end(), fits) : fits(a[0]);
}

Value count(const Value& subject, const Arguments& a) {
  const Window window = window_of(subject, a);
  const Text sought = to_code_points(need_text(a, 0));
  if (sought.empty()) return std::int64_t(window.valid ? window.text.size() + 1 : 0);
  std::int64_t found = 0;
  for (auto at = window.text.find(sought); at != Text::npos;
       at = window.text.find(sought, at + sought.size()))
    ++found;
  return found;
}

Value join(const Value& subject, const Arguments& a) {
  std::string out;
  bool first = true;
  for (const Value& item : items_of(a[0])) {
    if (!item.string()) template_error("join needs strings, not a " + std::string(item.type_name()));
    out += (first ? "" : of(subject)) + *item.string();
    first = false;
    if (out.size() > max_value_weight) template_error("writes too much text");
  }
  return out;
}

Value padded(const Value& subject, const Arguments& a,
             int where) { // -1: text at the left, 0: middle, 1: right
  const auto size = std::int64_t(count_characters(of(subject)));
  const std::int64_t width = a.integer(0, 0);
  const std::string fill = a.text(1, " ");
  if (width > std::int64_t(max_value_weight)) template_error("writes too much text");
  if (count_characters(fill) != 1) template_error("a text is filled up with one character");
  if (width <= size) return subject;
  const std::int64_t room = width - size;
  // str.center puts the odd blank to the left when the width is odd.
  const std::int64_t left = where < 0 ? 0 : where > 0 ? room : room / 2 + (room & width & 1);
  std::string out;
  for (std::int64_t i = 0; i < left; ++i) out += fill;
  out += of(subject);
  for (std::int64_t i = left; i < room; ++i) out += fill;
  return out;
}

Value zero_filled(const Value& subject, const Arguments& a) {
  std::string text = of(subject);
  const std::int64_t width = std::min(a.integer(0, 0), std::int64_t(max_value_weight)),
                     size = std::int64_t(count_characters(text));
  const std::size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  if (width > size) text.insert(at, std::size_t(width - size), '0');
  return text;
}

// A property that every character has, in a text that is not empty.
template <typename Property>
Value all_are(const Value& subject, const Property& property) {
  const Text text = characters(subject);
  return !text.empty() && std::all_of(text.begin(), text.end(), property);
}

template <typename Wanted, typename Unwanted>
Value case_is(const Value& subject, const Wanted& wanted, const Unwanted& unwanted) {
  const Text text = characters(subject);
  return std::any_of(text.begin(), text.end(), wanted) && std::none_of(text.begin(), text.end(), unwanted);
}

Value is_title(const Value& subject, const Arguments&) {
  bool inside = false, any = false;
  for (const char32_t c : characters(subject)) {
    const bool title = is_cased(c) && !is_lower(c);
    if (title ? inside : is_lower(c) && !inside) return false;
    inside = is_cased(c);
    any = any || inside;
  }
  return any;
}

Value is_identifier(const Value& subject, const Arguments&) {
  const Text text = characters(subject);
  return !text.empty() && !is_number(text[0]) && std::all_of(text.begin(), text.end(), is_word_character);
}

Value expand_tabs(const Value& subject, const Arguments& a) {
  const std::int64_t size = std::clamp<std::int64_t>(a.integer(0, 8), 0, 1024);
  Text out;
  std::int64_t column = 0;
  for (const char32_t c : characters(subject)) {
    if (c == '\t') {
      const std::int64_t blanks = size > 0 ? size - column % size : 0;
      out.append(std::size_t(blanks), U' ');
      column += blanks;
    } else {
      out += c;
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    if (out.size() > max_value_weight) template_error("writes too much text");
  }
  return to_utf8(out);
}

} // namespace

// str.replace: at most `count` times when count is not negative; an empty pattern stands between characters.
std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     std::int64_t count) {
  std::string out;
  const auto check = [&] {
    if (out.size() > max_value_weight) template_error("writes too much text");
  };
  std::size_t position = 0;
  if (from.empty()) {
    for (; count != 0 && position <= text.size(); --count) {
      out += to;
      check();
      if (position == text.size()) return out;
      const std::size_t length = read_utf8(text, position).length;
      out += text.substr(position, length);
      position += length;
    }
    return out + text.substr(position);
  }
  for (; count != 0; --count) {
    const auto at = text.find(from, position);
    if (at == std::string::npos) break;
    out.append(text, position, at - position);
    out += to;
    check();
    position = at + from.size();
  }
  return out + text.substr(position);
}

namespace {

using V = const Value&;
using A = const Arguments&;

// Whether all characters are of a kind.
FunctionTable predicates() {
  return {
      {"isalpha", {{}, [](V s, A) { return all_are(s, is_letter); }}},
      {"isdigit", {{}, [](V s, A) { return all_are(s, is_digit); }}},
      {"isdecimal", {{}, [](V s, A) { return all_are(s, is_decimal); }}},
      {"isnumeric", {{}, [](V s, A) { return all_are(s, [](char32_t c) { return is_number(c); }); }}},
      {"isalnum",
       {{}, [](V s, A) { return all_are(s, [](char32_t c) { return is_letter(c) || is_number(c); }); }}},
      {"isspace", {{}, [](V s, A) { return all_are(s, is_python_space); }}},
      {"isprintable",
       {{}, [](V s, A) -> Value { return of(s).empty() || truthy(all_are(s, is_printable)); }}},
      {"isascii", {{}, [](V s, A) -> Value { return is_ascii(of(s)); }}},
      {"isupper", {{}, [](V s, A) { return case_is(s, is_upper, is_lower); }}},
      {"islower", {{}, [](V s, A) { return case_is(s, is_lower, is_upper); }}},
      {"istitle", {{}, is_title}},
      {"isidentifier", {{}, is_identifier}},
  };
}

FunctionTable changes_and_searches() {
  return {
      {"strip", {{"chars"}, [](V s, A a) { return stripped(s, a, true, true); }}},
      {"lstrip", {{"chars"}, [](V s, A a) { return stripped(s, a, true, false); }}},
      {"rstrip", {{"chars"}, [](V s, A a) { return stripped(s, a, false, true); }}},
      {"upper", {{}, [](V s, A) -> Value { return to_upper(of(s)); }}},
      {"lower", {{}, [](V s, A) -> Value { return to_lower(of(s)); }}},
      {"casefold", {{}, [](V s, A) -> Value { return to_lower(of(s)); }}},
      {"title", {{}, [](V s, A) -> Value { return to_title(of(s)); }}},
      {"capitalize", {{}, [](V s, A) -> Value { return capitalized(of(s)); }}},
      {"swapcase", {{}, [](V s, A) -> Value { return swapped_case(of(s)); }}},
      {"startswith", {{"prefix", "start", "end"}, [](V s, A a) { return affix(s, a, true); }}},
      {"endswith", {{"suffix", "start", "end"}, [](V s, A a) { return affix(s, a, false); }}},
      {"split", {{"sep", "maxsplit"}, [](V s, A a) { return split(s, a, false); }}},
      {"rsplit", {{"sep", "maxsplit"}, [](V s, A a) { return split(s, a, true); }}},
      {"splitlines", {{"keepends"}, lines_of}},
      {"partition", {{"sep"}, [](V s, A a) { return partition(s, a, false); }}},
      {"rpartition", {{"sep"}, [](V s, A a) { return partition(s, a, true); }}},
      {"replace",
       {{"old", "new", "count"},
        [](V s, A a) -> Value {
          return replaced(of(s), need_text(a, 0), need_text(a, 1), a.integer(2, -1));
        }}},
      {"find", {{"sub", "start", "end"}, [](V s, A a) { return position(s, a, false, false); }}},
      {"rfind", {{"sub", "start", "end"}, [](V s, A a) { return position(s, a, true, false); }}},
      {"index", {{"sub", "start", "end"}, [](V s, A a) { return position(s, a, false, true); }}},
      {"rindex", {{"sub", "start", "end"}, [](V s, A a) { return position(s, a, true, true); }}},
      {"count", {{"sub", "start", "end"}, count}},
      {"join", {{"iterable"}, join}},
      {"format", {{"*"}, [](V s, A a) -> Value { return brace_format(of(s), a.call()); }}},
      {"removeprefix",
       {{"prefix"},
        [](V s, A a) -> Value {
          const std::string part = need_text(a, 0);
          return of(s).starts_with(part) ? of(s).substr(part.size()) : of(s);
        }}},
      {"removesuffix",
       {{"suffix"},
        [](V s, A a) -> Value {
          const std::string part = need_text(a, 0);
          return of(s).ends_with(part) ? of(s).substr(0, of(s).size() - part.size()) : of(s);
        }}},
      {"ljust", {{"width", "fillchar"}, [](V s, A a) { return padded(s, a, -1); }}},
      {"center", {{"width", "fillchar"}, [](V s, A a) { return padded(s, a, 0); }}},
      {"rjust", {{"width", "fillchar"}, [](V s, A a) { return padded(s, a, 1); }}},
      {"zfill", {{"width"}, zero_filled}},
      {"expandtabs", {{"tabsize"}, expand_tabs}},
  };
}

} // namespace

const FunctionTable& string_methods() {
  static const FunctionTable table = [] {
    FunctionTable all = changes_and_searches();
    all.merge(predicates());
    return all;
  }();
  return table;
}

} // namespace intarsia::jinja

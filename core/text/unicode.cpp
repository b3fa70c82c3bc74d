// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/unicode.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <utf8proc.h>

#include "core/text/utf8.h"

namespace intarsia {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)); }
bool between(utf8proc_category_t value, utf8proc_category_t low, utf8proc_category_t high) {
  return value >= low && value <= high;
}

struct Range {
  char32_t low, high;
};
template <std::size_t N>
bool in_any(char32_t c, const Range (&ranges)[N]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& range) { return c >= range.low && c <= range.high; });
}

// Numeric_Type=Digit outside category Nd.
constexpr Range other_digits[] = {
    {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
    {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
    {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
    {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
// Alphabetic symbols (circled letters): word characters outside L, M and N.
constexpr Range letter_symbols[] = {
    {0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
// Other_Uppercase and Other_Lowercase: cased by property, not by category.
constexpr Range other_upper[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
constexpr Range other_lower[] = {{0xAA, 0xAA},     {0xBA, 0xBA},     {0x2B0, 0x2B8},   {0x2C0, 0x2C1},
                                 {0x2E0, 0x2E4},   {0x345, 0x345},   {0x37A, 0x37A},   {0x1D2C, 0x1D6A},
                                 {0x1D78, 0x1D78}, {0x1D9B, 0x1DBF}, {0x2071, 0x2071}, {0x207F, 0x207F},
                                 {0x2090, 0x209C}, {0x2170, 0x217F}, {0x24D0, 0x24E9}, {0xA69C, 0xA69D},
                                 {0xA770, 0xA770}, {0xA7F8, 0xA7F9}, {0xAB5C, 0xAB5F}};

bool is_case_ignorable(char32_t c) { // as far as a final sigma asks: marks, apostrophes, full stops
  return is_mark(c) || c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019 ||
         c == 0xAD || between(category(c), UTF8PROC_CATEGORY_LM, UTF8PROC_CATEGORY_LM) || c == '^' ||
         c == '`';
}

bool ends_a_word(std::u32string_view text, std::size_t sigma) {
  std::size_t before = sigma, after = sigma + 1;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

void append_lower_at(std::u32string_view text, std::size_t i, std::u32string& out) {
  if (text[i] == 0x3A3)
    out += ends_a_word(text, i) ? U'\u03C2' : U'\u03C3';
  else
    append_lower(text[i], out);
}

template <typename Map>
std::string mapped(std::string_view text, Map map) {
  const std::u32string characters = to_code_points(text);
  std::u32string out;
  out.reserve(characters.size());
  for (std::size_t i = 0; i < characters.size(); ++i) map(characters, i, out);
  return to_utf8(out);
}

} // namespace

std::u32string to_code_points(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const Utf8Character character = read_utf8(text, position);
    out += character.valid ? character.code_point : U'\uFFFD';
    position += character.length;
  }
  return out;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(c, out);
  return out;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t position = 0; position < text.size(); position += read_utf8(text, position).length)
    ++count;
  return count;
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }
bool is_letter(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO); }
bool is_mark(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME); }
bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) { return is_decimal(c) || in_any(c, other_digits); }
bool is_number(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); }
bool is_punctuation(char32_t c) { return between(category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO); }
bool is_other(char32_t c) {
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_CN || between(kind, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}
bool is_printable(char32_t c) {
  return c == ' ' || !(is_other(c) || between(category(c), UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP));
}
bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || c == '_' || (c | 0x20) - 'a' < 26u;
  const auto kind = category(c);
  return is_letter(c) || is_mark(c) || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D || in_any(c, letter_symbols);
}
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU || in_any(c, other_upper); }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || in_any(c, other_lower); }
bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT; }

void append_upper(char32_t c, std::u32string& out) {
  const auto special = special_upper(c);
  if (special.empty())
    out += char32_t(utf8proc_toupper(utf8proc_int32_t(c)));
  else
    out += special;
}
void append_title(char32_t c, std::u32string& out) {
  const auto special = special_title(c);
  if (special.empty())
    out += char32_t(utf8proc_totitle(utf8proc_int32_t(c)));
  else
    out += special;
}
void append_lower(char32_t c, std::u32string& out) {
  if (c == 0x130)
    out += U"i\u0307";
  else
    out += char32_t(utf8proc_tolower(utf8proc_int32_t(c)));
}

std::string to_upper(std::string_view text) {
  return mapped(text, [](const auto& all, std::size_t i, auto& out) { append_upper(all[i], out); });
}

std::string to_lower(std::string_view text) {
  return mapped(text, [](const auto& all, std::size_t i, auto& out) { append_lower_at(all, i, out); });
}

std::string to_title(std::string_view text) {
  return mapped(text, [inside = false](const auto& all, std::size_t i, auto& out) mutable {
    if (inside)
      append_lower_at(all, i, out);
    else
      append_title(all[i], out);
    inside = is_cased(all[i]);
  });
}

std::string capitalized(std::string_view text) {
  return mapped(text, [](const auto& all, std::size_t i, auto& out) {
    if (i == 0)
      append_title(all[i], out);
    else
      append_lower_at(all, i, out);
  });
}

std::string swapped_case(std::string_view text) {
  return mapped(text, [](const auto& all, std::size_t i, auto& out) {
    if (is_upper(all[i]))
      append_lower_at(all, i, out);
    else if (is_lower(all[i]))
      append_upper(all[i], out);
    else
      out += all[i];
  });
}

std::string normalized(std::string_view text, NormalForm form) {
  if (is_ascii(text)) return std::string(text);
  int options = UTF8PROC_STABLE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  utf8proc_uint8_t* mapped_text = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), utf8proc_ssize_t(text.size()),
                   &mapped_text, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped_text, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) return std::string(text);
  return std::string(reinterpret_cast<const char*>(mapped_text), std::size_t(length));
}

} // namespace intarsia

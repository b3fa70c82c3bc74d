// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Characters and their properties, as Python's str and the tokenizers' normalizers see them (utf8proc).
#pragma once

#include <string>
#include <string_view>

namespace intarsia {

// Invalid bytes become U+FFFD.
std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view text);
bool is_ascii(std::string_view text);
std::size_t count_characters(std::string_view text);

bool is_white_space(char32_t c);     // Unicode's property White_Space
bool is_python_space(char32_t c);    // str.isspace: White_Space and the separators U+001C to U+001F
bool is_letter(char32_t c);          // categories L*
bool is_mark(char32_t c);            // categories M*
bool is_nonspacing_mark(char32_t c); // category Mn
bool is_decimal(char32_t c);         // category Nd
bool is_digit(char32_t c);           // Numeric_Type Digit or Decimal: superscripts and circled digits too
bool is_number(char32_t c);          // categories N*
bool is_punctuation(char32_t c);     // categories P*
bool is_other(char32_t c);           // categories C*
bool is_printable(char32_t c);       // str.isprintable
bool is_word_character(char32_t c);  // \w of a regular expression
bool is_upper(char32_t c);           // categories Lu, and Lt counts as neither
bool is_lower(char32_t c);
bool is_cased(char32_t c); // upper, lower or title

// Full case mappings of one character. The empty view: it has no special one (then the simple one holds).
std::u32string_view special_upper(char32_t c);
std::u32string_view special_title(char32_t c);
void append_upper(char32_t c, std::u32string& out);
void append_title(char32_t c, std::u32string& out);
void append_lower(char32_t c, std::u32string& out);

// str.upper, str.lower (a sigma at the end of a word becomes ς), str.title, str.capitalize, str.swapcase.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);
std::string capitalized(std::string_view text);
std::string swapped_case(std::string_view text);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
std::string normalized(std::string_view text, NormalForm form); // text that is not UTF-8 stays as it is

} // namespace intarsia

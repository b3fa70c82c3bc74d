// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace intarsia {

struct Utf8Character {
  char32_t code_point = 0;
  std::size_t length = 1; // bytes; 1 for an invalid byte
  bool valid = false;     // shortest form, no surrogate, at most U+10FFFF
  bool truncated = false; // a valid beginning that ends with the text
};

Utf8Character read_utf8(std::string_view text, std::size_t position);
void append_utf8(char32_t code_point, std::string& out);
// The text with every invalid byte replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

} // namespace intarsia

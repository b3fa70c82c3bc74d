// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Oniguruma's dialect of regular expressions, in Ruby's syntax as the tokenizers crate takes it, written in
// PCRE2's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace intarsia {

// What a pattern has that PCRE2 has no words for.
struct UntranslatablePattern {
  std::string what; // goes on behind "the pattern …", e.g. "uses \y, which is not supported"
};

// Throws UntranslatablePattern. What is no valid regex may come out as no valid regex of PCRE2.
std::string oniguruma_to_pcre2(std::string_view pattern);

// A set of characters: what stands between PCRE2's brackets, and atoms of one character each beside it.
struct CharacterSet {
  std::string items;
  std::vector<std::string> atoms;
  bool negated = false;

  std::string atom() const; // matches one character of the set
  void unite(const CharacterSet& other);
};

// What begins at `at` of a pattern. `end` is behind it.
struct ReadSet {
  CharacterSet set;
  std::size_t end;
};
ReadSet read_bracketed_set(std::string_view pattern, std::size_t at); // "[…]", nested ones and "&&" too

// \w, \s, \d, \h, \p{…} and their opposites. Nothing for other escapes.
std::optional<ReadSet> read_escaped_set(std::string_view pattern, std::size_t at, bool in_brackets);

// An escape that stands for one character, in brackets or not: \u0041, \x{41}, \n, \v, \[. `end` is behind
// it. Nothing for letters that mean nothing here.
struct ReadCharacter {
  std::string text;
  std::size_t end;
};
std::optional<ReadCharacter> read_escaped_character(std::string_view pattern, std::size_t at);

} // namespace intarsia

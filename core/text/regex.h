// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intarsia {

// A tokenizer's regular expression: written for Oniguruma, matched by PCRE2 with Unicode properties.
class Regex {
 public:
  // Throws Error naming `origin` and the pattern that does not compile.
  Regex(const std::string& pattern, const std::string& origin);
  Regex(Regex&&) noexcept;
  ~Regex();

  // The matches [begin, end) in valid UTF-8, in order and disjoint; those that are empty too. Throws Error
  // when the pattern needs more steps than its limit (a hostile pattern).
  std::vector<std::pair<std::size_t, std::size_t>> matches(std::string_view text) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

// A pattern that matches nothing but this text.
std::string quoted_pattern(std::string_view text);

} // namespace intarsia

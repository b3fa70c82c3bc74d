// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace intarsia {

// Cuts text the way a tokenizer's pre-tokenizer does: every match of a pattern is a piece, and so is every
// gap between matches; several patterns are applied in turn. PCRE2 with Unicode properties.
class RegexSplitter {
 public:
  // Throws Error naming `origin` and the pattern that does not compile.
  RegexSplitter(const std::vector<std::string>& patterns, const std::string& origin);
  ~RegexSplitter();

  // Pieces of valid UTF-8 in order, none empty, their concatenation is `text`. Throws Error when a pattern
  // needs more steps than its limit (a hostile pattern).
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  struct Pattern;
  std::vector<std::unique_ptr<Pattern>> patterns_;
  std::string origin_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace intarsia {

// A run of plain text, or one added token.
struct TextPart {
  std::string_view text; // empty for an added token
  int added = -1;
};

// Finds added tokens in text, the leftmost first and of those that begin there the longest.
class AddedTokenFinder {
 public:
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);
  bool empty() const { return tokens_.empty(); }

  // Valid UTF-8 as parts in order; special tokens are left in the text unless asked for. Parts may leave out
  // white space that a token takes with it.
  std::vector<TextPart> cut(std::string_view text, bool find_special) const;

 private:
  const AddedToken* token_at(std::string_view text, bool find_special) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string_view, std::size_t> by_content_; // views into tokens_
  std::array<std::vector<std::size_t>, 256> lengths_;            // of tokens by first byte, longest first
};

} // namespace intarsia

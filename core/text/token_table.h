// SPDX-License-Identifier: GPL-3.0-or-later
// What both kinds of tokenizer share: ids by text, token types, and control tokens found in running text.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace intarsia {

// A run of plain text, or one special token.
struct TextPart {
  std::string_view text; // empty for a special token
  int special = -1;
};

class TokenTable {
 public:
  // Checks the spec: types, scores and special ids in range. Throws Error naming spec.origin.
  explicit TokenTable(TokenizerSpec spec);

  const TokenizerSpec& spec() const { return spec_; }
  int find(std::string_view token) const;
  TokenType type(int id) const {
    return spec_.types.empty() ? TokenType::normal : spec_.types[std::size_t(id)];
  }
  bool valid(int id) const { return id >= 0 && std::size_t(id) < spec_.tokens.size(); }

  // Cuts out user-defined tokens, and control tokens too when asked; the longest match wins.
  std::vector<TextPart> cut_specials(std::string_view text, bool parse_control) const;

 private:
  int special_at(std::string_view text, std::size_t position, bool parse_control) const;

  TokenizerSpec spec_;
  std::unordered_map<std::string_view, int> ids_; // views into spec_.tokens
  std::array<std::vector<int>, 256> specials_;    // by first byte, longest first
};

} // namespace intarsia

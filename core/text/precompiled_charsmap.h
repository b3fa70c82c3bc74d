// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace intarsia {

// SentencePiece's normalization map: a double-array trie (Darts) from character sequences to what they
// become. Layout: u32 bytes of the trie, its u32 units, then the replacements, each ended by a zero byte.
class PrecompiledCharsmap {
 public:
  // Empty bytes: the map that changes nothing. Throws Error naming `origin` for a damaged one.
  PrecompiledCharsmap(std::string bytes, const std::string& origin);

  struct Match {
    std::string_view replacement;
    std::size_t length = 0; // bytes of the text
  };
  std::optional<Match> longest_prefix(std::string_view text) const;
  std::optional<Match> shortest_prefix(std::string_view text) const;

  // As Hugging Face applies the map: short grapheme clusters as a whole by the shortest prefix that the map
  // knows, else character by character.
  std::string normalize_graphemes(std::string_view text) const;

 private:
  template <typename Visit>
  void visit_prefixes(std::string_view text, const Visit& visit) const;
  std::string_view replacement(std::uint32_t offset) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What becomes of a delimiter when text is split at it (tokenizers, SplitDelimiterBehavior).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intarsia {

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
SplitBehavior parse_split_behavior(const std::string& name, const std::string& origin);

struct TextRange {
  std::size_t begin = 0, end = 0; // bytes
};
struct MarkedRange : TextRange {
  bool is_match = false;
};

// The whole text as matches and the gaps between them; `invert` swaps the two.
std::vector<MarkedRange> marked(std::string_view text,
                                const std::vector<std::pair<std::size_t, std::size_t>>& matches, bool invert);
std::vector<TextRange> split_at(const std::vector<MarkedRange>& ranges, SplitBehavior behavior);

} // namespace intarsia

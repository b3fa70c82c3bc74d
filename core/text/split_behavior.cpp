// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/split_behavior.h"

#include <algorithm>

#include "core/base/error.h"

namespace intarsia {

SplitBehavior parse_split_behavior(const std::string& name, const std::string& origin) {
  constexpr std::pair<std::string_view, SplitBehavior> names[] = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous}};
  for (const auto& [known, behavior] : names)
    if (name == known) return behavior;
  throw Error(ErrorKind::unsupported, origin + ": the split behavior \"" + name + "\" is not supported");
}

std::vector<MarkedRange>
marked(std::string_view text, const std::vector<std::pair<std::size_t, std::size_t>>& matches, bool invert) {
  std::vector<MarkedRange> ranges;
  std::size_t position = 0;
  for (const auto& [begin, end] : matches) {
    if (begin > position) ranges.push_back({{position, begin}, invert});
    ranges.push_back({{begin, end}, !invert});
    position = end;
  }
  if (position < text.size()) ranges.push_back({{position, text.size()}, invert});
  return ranges;
}

std::vector<TextRange> split_at(const std::vector<MarkedRange>& ranges, SplitBehavior behavior) {
  std::vector<TextRange> out;
  bool previous = false; // whether the range before was a match
  if (behavior == SplitBehavior::merged_with_next) {
    for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
      if (range->is_match && !previous && !out.empty())
        out.back().begin = range->begin;
      else
        out.push_back(*range);
      previous = range->is_match;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }
  for (const MarkedRange& range : ranges) {
    const bool joins = (behavior == SplitBehavior::contiguous && range.is_match == previous) ||
                       (behavior == SplitBehavior::merged_with_previous && range.is_match && !previous);
    if (behavior == SplitBehavior::removed && range.is_match) continue;
    if (joins && !out.empty())
      out.back().end = range.end;
    else
      out.push_back(range);
    previous = range.is_match;
  }
  return out;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The heart of byte-pair encoding: merge the best neighbouring pair until none is left.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

namespace intarsia {

struct Symbol {
  std::size_t begin = 0, length = 0; // bytes in the text; length 0: merged into its left neighbour
  int id = -1;                       // token id; -1: not in the vocabulary
};

struct Merge {
  double priority; // lower is merged first; ties go to the leftmost pair
  int id;          // of the merged token
};

// `best(left, right)` says whether and how two neighbours merge. O(n log n).
template <typename Best>
void merge_symbols(std::vector<Symbol>& symbols, const Best& best) {
  struct Candidate {
    double priority;
    std::size_t left, right, length; // length: of both when queued; a later change makes it stale
    int id;
    bool operator<(const Candidate& other) const { // std::priority_queue pops the largest
      return priority != other.priority ? priority > other.priority : left > other.left;
    }
  };
  const std::size_t count = symbols.size();
  std::vector<std::size_t> previous(count), next(count);
  std::priority_queue<Candidate> queue;
  const auto consider = [&](std::size_t left, std::size_t right) {
    if (const std::optional<Merge> merge = best(symbols[left], symbols[right]))
      queue.push({merge->priority, left, right, symbols[left].length + symbols[right].length, merge->id});
  };
  for (std::size_t i = 0; i < count; ++i) {
    previous[i] = i - 1; // wraps to a huge index for the first
    next[i] = i + 1;
    if (i > 0) consider(i - 1, i);
  }
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol &left = symbols[top.left], &right = symbols[top.right];
    const bool stale = left.length == 0 || right.length == 0 || left.length + right.length != top.length;
    if (stale) continue;
    left.length += right.length;
    left.id = top.id;
    right.length = 0;
    next[top.left] = next[top.right];
    if (next[top.left] < count) previous[next[top.left]] = top.left;
    if (previous[top.left] < count) consider(previous[top.left], top.left);
    if (next[top.left] < count) consider(top.left, next[top.left]);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.length == 0; });
}

} // namespace intarsia

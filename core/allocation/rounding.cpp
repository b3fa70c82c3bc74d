// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/rounding.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace intarsia {
namespace {

constexpr double integral = 1e-6;
constexpr std::size_t covers_a_set = 24;       // the nearest to the optimum
constexpr std::size_t max_fractional_sets = 3; // settled together
constexpr std::size_t max_starts = 6;          // improved until one is good enough
constexpr std::size_t max_moves = 200;         // tried in threes
constexpr double slack = 1e-9;                 // of rounding errors

void add(Usage& to, const Choice& choice) {
  to.loss += choice.loss;
  to.bytes += choice.bytes;
  to.code_bits += choice.code_bits;
  to.seconds += choice.seconds;
}

Usage replaced(const Usage& whole, const Usage& out, const Usage& in) {
  return {whole.loss - out.loss + in.loss, whole.bytes - out.bytes + in.bytes,
          whole.code_bits - out.code_bits + in.code_bits, whole.seconds - out.seconds + in.seconds};
}

bool fits(const Usage& usage, const Usage& limit) {
  return usage.bytes <= limit.bytes * (1 + slack) && usage.code_bits <= limit.code_bits * (1 + slack) &&
         usage.seconds <= limit.seconds * (1 + slack);
}

std::size_t root(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

} // namespace

Rounding::Rounding(const ChoiceTable& table, std::size_t linears)
    : table_(table)
    , choices_of_(linears) {
  std::vector<std::size_t> parent(linears);
  std::iota(parent.begin(), parent.end(), 0);
  for (std::size_t i = 0; i < table.choices.size(); ++i) {
    const auto& members = table.groups[table.choices[i].group].members;
    for (const std::size_t member : members) {
      choices_of_[member].push_back(i);
      parent[root(parent, member)] = root(parent, members[0]);
    }
  }
  std::vector<std::size_t> number(linears, SIZE_MAX);
  for (std::size_t linear = 0; linear < linears; ++linear) {
    std::size_t& set = number[root(parent, linear)];
    if (set == SIZE_MAX) set = sets_.size(), sets_.emplace_back();
    sets_[set].push_back(linear);
  }
}

// All ways to cover the rest of a set's linears within the tolerance, depth first.
void Rounding::extend(const std::vector<std::size_t>& linears, const Relaxation& relaxation, Cover& cover,
                      std::vector<bool>& covered, std::vector<Cover>& found) const {
  const auto next = std::find_if(linears.begin(), linears.end(), [&](std::size_t l) { return !covered[l]; });
  if (next == linears.end()) return found.push_back(cover);
  for (const std::size_t i : choices_of_[*next]) {
    if (cover.excess + relaxation.reduced_costs[i] > relaxation.tolerance) continue;
    const auto& members = table_.groups[table_.choices[i].group].members;
    if (std::any_of(members.begin(), members.end(), [&](std::size_t m) { return covered[m]; })) continue;
    Cover longer = cover;
    for (const std::size_t member : members) covered[member] = true;
    add(longer.usage, table_.choices[i]);
    longer.choices.push_back(i);
    longer.excess += relaxation.reduced_costs[i];
    extend(linears, relaxation, longer, covered, found);
    for (const std::size_t member : members) covered[member] = false;
  }
}

std::vector<Rounding::Cover> Rounding::covers(std::size_t set, const Relaxation& relaxation) const {
  std::vector<Cover> found;
  Cover empty;
  std::vector<bool> covered(choices_of_.size());
  extend(sets_[set], relaxation, empty, covered, found);
  const std::size_t count = std::min(covers_a_set, found.size());
  std::partial_sort(found.begin(), found.begin() + std::ptrdiff_t(count), found.end(),
                    [](const Cover& a, const Cover& b) { return a.excess < b.excess; });
  found.resize(count);
  return found;
}

// One cover of every set; a few at a time are changed for the better.
struct Rounding::Search {
  const Relaxation& relaxation;
  std::vector<std::vector<Cover>> covers; // by set
  std::vector<std::size_t> at;            // the cover each set has
  Usage whole;

  const Usage& present(std::size_t set) const { return covers[set][at[set]].usage; }

  void take(std::size_t set, std::size_t cover) {
    whole = replaced(whole, present(set), covers[set][cover].usage);
    at[set] = cover;
  }

  struct Start {
    double loss;
    std::vector<std::size_t> at; // covers of the fractional sets
  };
  // Ways to settle the fractional sets, the others as they are, within the budgets: the best ones, best
  // first.
  std::vector<Start> starts(const std::vector<std::size_t>& fractional) {
    std::vector<Start> found;
    std::vector<std::size_t> chosen(fractional.size());
    const auto combine = [&](const auto& self, std::size_t depth, const Usage& usage) -> void {
      if (depth == fractional.size()) {
        if (fits(usage, relaxation.limit)) found.push_back({usage.loss, chosen});
        return;
      }
      const auto& list = covers[fractional[depth]];
      for (chosen[depth] = 0; chosen[depth] < list.size(); ++chosen[depth])
        self(self, depth + 1, replaced(usage, present(fractional[depth]), list[chosen[depth]].usage));
    };
    combine(combine, 0, whole);
    std::sort(found.begin(), found.end(), [](const Start& a, const Start& b) { return a.loss < b.loss; });
    if (found.size() > max_starts) found.resize(max_starts);
    return found;
  }

  struct Move {
    std::size_t set, cover;
    double excess;
  };
  std::vector<Move> moves() const {
    std::vector<Move> list;
    for (std::size_t set = 0; set < covers.size(); ++set)
      for (std::size_t cover = 0; cover < covers[set].size(); ++cover)
        if (cover != at[set]) list.push_back({set, cover, covers[set][cover].excess});
    std::sort(list.begin(), list.end(), [](const Move& a, const Move& b) { return a.excess < b.excess; });
    if (list.size() > max_moves) list.resize(max_moves);
    return list;
  }

  // Adds moves before list[end] to `made` and keeps the best that fits in `best`.
  void try_moves(const std::vector<Move>& list, std::size_t end, const Usage& usage, std::size_t depth,
                 std::vector<Move>& made, double& least, std::vector<Move>& best) const {
    for (std::size_t i = 0; i < end; ++i) {
      const Move& move = list[i];
      if (std::any_of(made.begin(), made.end(), [&](const Move& other) { return other.set == move.set; }))
        continue;
      const Usage next = replaced(usage, present(move.set), covers[move.set][move.cover].usage);
      made.push_back(move);
      if (next.loss < least && fits(next, relaxation.limit)) least = next.loss, best = made;
      if (depth > 1) try_moves(list, i, next, depth - 1, made, least, best);
      made.pop_back();
    }
  }

  // Makes the moves, up to three together, that lower the loss most. False when none do.
  bool improve() {
    const auto list = moves();
    double least = whole.loss * (1 - 1e-12);
    for (std::size_t together = 1; together <= 3; ++together) {
      std::vector<Move> made, best;
      try_moves(list, list.size(), whole, together, made, least, best);
      for (const Move& move : best) take(move.set, move.cover);
      if (!best.empty()) return true;
    }
    return false;
  }
};

std::optional<std::vector<std::size_t>> Rounding::round(const Relaxation& relaxation) const {
  Search search{relaxation, {}, std::vector<std::size_t>(sets_.size()), {}};
  std::vector<std::size_t> fractional;
  double bound = 0;
  for (std::size_t i = 0; i < table_.choices.size(); ++i)
    bound += relaxation.values[i] * table_.choices[i].loss;
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    search.covers.push_back(covers(set, relaxation));
    const auto& list = search.covers.back();
    if (list.empty()) return std::nullopt;
    const auto whole = [&](const Cover& cover) {
      return std::all_of(cover.choices.begin(), cover.choices.end(),
                         [&](std::size_t i) { return relaxation.values[i] > 1 - integral; });
    };
    const auto present = std::find_if(list.begin(), list.end(), whole);
    if (present == list.end())
      fractional.push_back(set);
    else
      search.at[set] = std::size_t(present - list.begin());
    const Usage& usage = search.present(set);
    search.whole = replaced(search.whole, {}, usage);
  }
  if (fractional.size() > max_fractional_sets) return std::nullopt;
  std::optional<Search> best;
  for (const Search::Start& start : search.starts(fractional)) {
    Search from = search;
    for (std::size_t i = 0; i < fractional.size(); ++i) from.take(fractional[i], start.at[i]);
    while (from.whole.loss - bound > relaxation.tolerance && from.improve()) {
    }
    const bool enough = from.whole.loss - bound <= relaxation.tolerance;
    if (!best || from.whole.loss < best->whole.loss) best.emplace(std::move(from));
    if (enough) break;
  }
  if (!best) return std::nullopt;
  std::vector<std::size_t> chosen;
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    const auto& choices = best->covers[set][best->at[set]].choices;
    chosen.insert(chosen.end(), choices.begin(), choices.end());
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

} // namespace intarsia

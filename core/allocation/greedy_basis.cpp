// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/greedy_basis.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace intarsia {
namespace {

struct Step {
  double slope; // of value by cost; below zero
  std::size_t linear, to;
  double cost;
};

// The choices on the lower convex hull by rising cost: each is worth less than the one before, at a falling
// rate.
std::vector<std::size_t> hull(const ChoiceTable& table, std::vector<std::size_t> choices,
                              double Choice::*value, double Choice::*cost) {
  const auto at = [&](std::size_t i) -> const Choice& { return table.choices[i]; };
  std::sort(choices.begin(), choices.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(at(a).*cost, at(a).*value, a) < std::tuple(at(b).*cost, at(b).*value, b);
  });
  std::vector<std::size_t> kept;
  for (const std::size_t next : choices) {
    if (!kept.empty() && at(next).*value >= at(kept.back()).*value) continue;
    const auto above_line = [&] { // the last kept is above the line from the one before it to `next`
      const Choice &a = at(kept[kept.size() - 2]), &b = at(kept.back()), &c = at(next);
      return (b.*value - a.*value) * (c.*cost - a.*cost) >= (c.*value - a.*value) * (b.*cost - a.*cost);
    };
    while (kept.size() > 1 && above_line()) kept.pop_back();
    kept.push_back(next);
  }
  return kept;
}

} // namespace

std::optional<GreedyBasis> greedy_basis(const ChoiceTable& table, double Choice::*value, double Choice::*cost,
                                        double limit) {
  std::vector<std::vector<std::size_t>> choices_of(table.layers.size());
  for (std::size_t i = 0; i < table.choices.size(); ++i) {
    const auto& members = table.groups[table.choices[i].group].members;
    if (members.size() == 1) choices_of[members[0]].push_back(i);
  }
  GreedyBasis basis;
  std::vector<Step> steps;
  double spent = 0;
  for (std::size_t linear = 0; linear < choices_of.size(); ++linear) {
    const auto kept = hull(table, std::move(choices_of[linear]), value, cost);
    if (kept.empty()) return std::nullopt;
    basis.choice_of.push_back(kept[0]);
    spent += table.choices[kept[0]].*cost;
    for (std::size_t i = 1; i < kept.size(); ++i) {
      const Choice &from = table.choices[kept[i - 1]], &to = table.choices[kept[i]];
      const double more = to.*cost - from.*cost;
      steps.push_back({(to.*value - from.*value) / more, linear, kept[i], more});
    }
  }
  if (spent > limit) return std::nullopt;
  // Steps of one linear fall in steepness along its hull, so that they stay in order.
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.slope < b.slope; });
  for (const Step& step : steps) {
    if (spent + step.cost > limit) {
      basis.second = step.to;
      basis.part = (limit - spent) / step.cost;
      break;
    }
    spent += step.cost;
    basis.choice_of[step.linear] = step.to;
  }
  return basis;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// From the linear program's answer to a plan. Its optimum leaves only a few layers fractional between
// choices, and its reduced costs say which choices a good plan can have at all: few enough to try.
#pragma once

#include <optional>
#include <vector>

#include "core/allocation/choices.h"

namespace intarsia {

// Loss of some choices and what they take of each budget.
struct Usage {
  double loss = 0, bytes = 0, code_bits = 0, seconds = 0;
};

// The linear program's optimum: of every choice its value and what the loss rises for each unit of it beyond.
struct Relaxation {
  std::vector<double> values, reduced_costs;
  Usage limit;          // the budgets, infinite where there is none; loss unused
  double tolerance = 0; // how much more than the optimum a plan may lose
};

class Rounding {
 public:
  // Keeps a reference to the table.
  Rounding(const ChoiceTable& table, std::size_t linears);

  // Choices that cover every linear once within the budgets; within the tolerance where such were found.
  // nullopt when none were.
  std::optional<std::vector<std::size_t>> round(const Relaxation& relaxation) const;

 private:
  // One way to cover all linears of a set.
  struct Cover {
    std::vector<std::size_t> choices;
    Usage usage;
    double excess = 0; // sum of reduced costs
  };
  struct Search;

  std::vector<Cover> covers(std::size_t set, const Relaxation& relaxation) const;
  void extend(const std::vector<std::size_t>& linears, const Relaxation& relaxation, Cover& cover,
              std::vector<bool>& covered, std::vector<Cover>& found) const;

  const ChoiceTable& table_;
  std::vector<std::vector<std::size_t>> sets_;       // linears that share groups
  std::vector<std::vector<std::size_t>> choices_of_; // by linear: the choices that cover it
};

} // namespace intarsia

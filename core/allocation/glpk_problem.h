// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The live GLPK problem: one binary a choice, one row a linear (covered exactly once), and a row for each
// budget, whose bounds move. Numbers are scaled inside (MiB, Mbit, ms), never outside.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/allocation/choices.h"
#include "core/allocation/rounding.h"
#include "core/base/progress.h"

struct glp_prob;

namespace intarsia {

enum class Objective { loss, bytes, seconds };

struct Limits {
  std::optional<double> bytes;     // of the linears
  std::optional<double> code_bits; // of the linears
  std::optional<double> seconds;   // of the linears, without the constant
};

struct SolverOptions {
  double gap = 1e-4;
  double time_limit = 60; // seconds
};

struct Solution {
  std::vector<std::size_t> chosen; // indices into ChoiceTable::choices
  double objective = 0, bound = 0;
  bool proven = false; // within the gap asked for
  double relaxation_seconds = 0;
  // Change of the objective for one unit more of each budget, from the LP's duals: per byte, per code bit,
  // per second.
  double price_bytes = 0, price_code_bits = 0, price_seconds = 0;
};

class GlpkProblem {
 public:
  explicit GlpkProblem(const ChoiceTable& table, std::size_t linears);
  ~GlpkProblem();

  // On the thread that made the problem. nullopt: infeasible. Throws Error{cancelled} on stop,
  // Error{resource} when the time limit ends the search before any plan was found, Error{internal} when GLPK
  // reports an error: no problem of this thread can be solved after that, but they are destroyed safely.
  std::optional<Solution> solve(Objective objective, const Limits& limits, const SolverOptions& options,
                                const JobControl& control);

 private:
  void set_objective(Objective objective);
  void set_limits(const Limits& limits);
  void start_at_greedy(Objective objective, const Limits& limits);
  bool solve_relaxation(); // false: infeasible
  // The relaxation's answer rounded, if it can be: `proven` where that is within the gap. The rest is
  // `relaxed`'s.
  std::optional<Solution> round(const Limits& limits, double gap, Solution relaxed) const;

  struct Deleter {
    unsigned in_environment = 0; // GLPK's, of the thread that made the problem
    void operator()(glp_prob* problem) const;
  };
  const ChoiceTable& table_;
  Rounding rounding_;
  std::unique_ptr<glp_prob, Deleter> problem_{nullptr, {}};
  int bytes_row_ = 0, bits_row_ = 0, seconds_row_ = 0;
  double loss_scale_ = 1; // the objective is loss / loss_scale_
  std::optional<Objective> objective_;
};

const char* glpk_name(); // "GLPK 5.0"

} // namespace intarsia

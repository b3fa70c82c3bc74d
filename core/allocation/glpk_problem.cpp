// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/glpk_problem.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <glpk.h>
#include <limits>

#include "core/allocation/greedy_basis.h"
#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr double byte_unit = 0x1p20, bit_unit = 0x1p23,
                 second_unit = 1e-3; // what a unit of each budget row is

// GLPK's environments that this thread has had. An environment is a thread's own, and its end is the end of
// every problem made in it.
thread_local unsigned environment = 0;

// GLPK ends the program on a misuse of its API unless a hook leaves first, and can't be used again before its
// environment is freed.
[[noreturn]] void leave_glpk(void*) {
  glp_free_env();
  ++environment;
  throw Error(ErrorKind::internal,
              "GLPK reported an internal error; please report this with the command you ran");
}

// Each budget is relaxed by a rounding error, so that a plan that meets it exactly is not lost.
constexpr double slack = 1e-9;

struct Search {
  const JobControl& control;
  double bound;
  bool cancelled = false;
};

void on_branch(glp_tree* tree, void* info) {
  auto& search = *static_cast<Search*>(info);
  if (search.control.stop.stop_requested()) {
    search.cancelled = true;
    glp_ios_terminate(tree);
    return;
  }
  if (const int node = glp_ios_best_node(tree))
    search.bound = std::max(search.bound, glp_ios_node_bound(tree, node));
}

} // namespace

const char* glpk_name() {
  static const std::string name = std::string("GLPK ") + glp_version();
  return name.c_str();
}

void GlpkProblem::Deleter::operator()(glp_prob* problem) const {
  if (in_environment == environment) glp_delete_prob(problem); // else it went with its environment
}

GlpkProblem::GlpkProblem(const ChoiceTable& table, std::size_t linears)
    : table_(table)
    , rounding_(table, linears) {
  glp_term_out(GLP_OFF);
  glp_error_hook(leave_glpk, nullptr);
  problem_ = std::unique_ptr<glp_prob, Deleter>(glp_create_prob(), Deleter{environment});
  glp_prob* p = problem_.get();
  glp_set_obj_dir(p, GLP_MIN);
  glp_add_rows(p, int(linears) + 3);
  for (int row = 1; row <= int(linears); ++row) glp_set_row_bnds(p, row, GLP_FX, 1, 1);
  bytes_row_ = int(linears) + 1;
  bits_row_ = bytes_row_ + 1;
  seconds_row_ = bytes_row_ + 2;
  glp_add_cols(p, int(table.choices.size()));
  double largest = 0;
  for (std::size_t i = 0; i < table.choices.size(); ++i) {
    const Choice& choice = table.choices[i];
    std::vector<int> rows{0};
    std::vector<double> values{0};
    for (const std::size_t member : table.groups[choice.group].members) {
      rows.push_back(int(member) + 1);
      values.push_back(1);
    }
    const auto add = [&](int row, double value) {
      if (value == 0) return;
      rows.push_back(row);
      values.push_back(value);
    };
    add(bytes_row_, choice.bytes / byte_unit);
    add(bits_row_, choice.code_bits / bit_unit);
    add(seconds_row_, choice.seconds / second_unit);
    glp_set_mat_col(p, int(i) + 1, int(rows.size()) - 1, rows.data(), values.data());
    glp_set_col_kind(p, int(i) + 1, GLP_BV);
    largest = std::max(largest, choice.loss);
  }
  if (largest > 0) loss_scale_ = largest / 100;
}

GlpkProblem::~GlpkProblem() = default;

void GlpkProblem::set_objective(Objective objective) {
  if (objective_ == objective) return;
  objective_ = objective;
  for (std::size_t i = 0; i < table_.choices.size(); ++i) {
    const Choice& choice = table_.choices[i];
    const double value = objective == Objective::loss    ? choice.loss / loss_scale_
                         : objective == Objective::bytes ? choice.bytes / byte_unit
                                                         : choice.seconds / second_unit;
    glp_set_obj_coef(problem_.get(), int(i) + 1, value);
  }
  glp_std_basis(problem_.get());
}

void GlpkProblem::set_limits(const Limits& limits) {
  const auto set = [this](int row, const std::optional<double>& limit, double unit) {
    if (limit)
      glp_set_row_bnds(problem_.get(), row, GLP_UP, 0, *limit / unit * (1 + slack));
    else
      glp_set_row_bnds(problem_.get(), row, GLP_FR, 0, 0);
  };
  set(bytes_row_, limits.bytes, byte_unit);
  set(bits_row_, limits.code_bits, bit_unit);
  set(seconds_row_, limits.seconds, second_unit);
}

// So many linears that the simplex, which changes one or a few at a step, takes seconds from where it was.
constexpr std::size_t many_linears = 2000;

// Of large problems: the basis of the greedy optimum, which the simplex then has only to confirm. A budget of
// time is met by fused kernels too, so that there it is no optimum.
void GlpkProblem::start_at_greedy(Objective objective, const Limits& limits) {
  if (table_.layers.size() < many_linears || limits.seconds || (limits.bytes && limits.code_bits)) return;
  if (objective != Objective::loss && (limits.bytes || limits.code_bits)) return;
  const auto cost = limits.code_bits ? &Choice::code_bits : &Choice::bytes;
  const double limit =
      limits.code_bits ? *limits.code_bits : limits.bytes.value_or(std::numeric_limits<double>::infinity());
  const auto value = objective == Objective::loss    ? &Choice::loss
                     : objective == Objective::bytes ? &Choice::bytes
                                                     : &Choice::seconds;
  const auto greedy =
      greedy_basis(table_, value, objective == Objective::loss ? cost : value, limit * (1 + slack));
  if (!greedy) return;
  glp_prob* p = problem_.get();
  for (std::size_t i = 0; i < table_.choices.size(); ++i) glp_set_col_stat(p, int(i) + 1, GLP_NL);
  for (const std::size_t i : greedy->choice_of) glp_set_col_stat(p, int(i) + 1, GLP_BS);
  for (int row = 1; row < bytes_row_; ++row) glp_set_row_stat(p, row, GLP_NS);
  for (const int row : {bytes_row_, bits_row_, seconds_row_}) glp_set_row_stat(p, row, GLP_BS);
  if (!greedy->second) return;
  glp_set_col_stat(p, int(*greedy->second) + 1, GLP_BS); // in the place of the budget, which is used up
  glp_set_row_stat(p, limits.code_bits ? bits_row_ : bytes_row_, GLP_NU);
}

bool GlpkProblem::solve_relaxation() {
  glp_smcp simplex;
  glp_init_smcp(&simplex);
  simplex.msg_lev = GLP_MSG_OFF;
  simplex.r_test = GLP_RT_FLIP; // several binaries at a step: three times as fast here
  simplex.meth = GLP_DUALP;     // after a budget moved the basis is still dual feasible: warm start
  if (glp_simplex(problem_.get(), &simplex) != 0 || glp_get_status(problem_.get()) == GLP_UNDEF) {
    glp_std_basis(problem_.get()); // the old basis was singular for the new bounds
    glp_simplex(problem_.get(), &simplex);
  }
  return glp_get_status(problem_.get()) == GLP_OPT;
}

std::optional<Solution> GlpkProblem::round(const Limits& limits, double gap, Solution relaxed) const {
  constexpr double none = std::numeric_limits<double>::infinity();
  glp_prob* p = problem_.get();
  const double bound = glp_get_obj_val(p) * loss_scale_;
  Relaxation relaxation;
  relaxation.limit = {0, limits.bytes.value_or(none), limits.code_bits.value_or(none),
                      limits.seconds.value_or(none)};
  relaxation.tolerance = gap * bound;
  for (std::size_t i = 0; i < table_.choices.size(); ++i) {
    relaxation.values.push_back(glp_get_col_prim(p, int(i) + 1));
    relaxation.reduced_costs.push_back(std::max(0.0, glp_get_col_dual(p, int(i) + 1) * loss_scale_));
  }
  const auto chosen = rounding_.round(relaxation);
  if (!chosen) return std::nullopt;
  double loss = 0;
  for (const std::size_t i : *chosen) loss += table_.choices[i].loss;
  relaxed.chosen = *chosen;
  relaxed.objective = loss;
  relaxed.bound = std::min(loss, bound);
  relaxed.proven = loss - bound <= gap * loss;
  return relaxed;
}

std::optional<Solution> GlpkProblem::solve(Objective objective, const Limits& limits,
                                           const SolverOptions& options, const JobControl& control) {
  if (problem_.get_deleter().in_environment != environment)
    throw Error(ErrorKind::internal, "GLPK was reset by an error before: open the model again");
  set_objective(objective);
  set_limits(limits);
  start_at_greedy(objective, limits);
  control.throw_if_stopped();
  const auto start = std::chrono::steady_clock::now();
  if (!solve_relaxation()) return std::nullopt;
  glp_prob* p = problem_.get();
  const double unit = objective == Objective::loss    ? loss_scale_
                      : objective == Objective::bytes ? byte_unit
                                                      : second_unit;
  Solution solution;
  solution.relaxation_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  solution.price_bytes = glp_get_row_dual(p, bytes_row_) * unit / byte_unit;
  solution.price_code_bits = glp_get_row_dual(p, bits_row_) * unit / bit_unit;
  solution.price_seconds = glp_get_row_dual(p, seconds_row_) * unit / second_unit;

  std::optional<Solution> rounded;
  if (objective == Objective::loss) rounded = round(limits, options.gap, solution);
  if (rounded && rounded->proven) return rounded;

  Search search{control, glp_get_obj_val(p)};
  glp_iocp branch;
  glp_init_iocp(&branch);
  branch.msg_lev = GLP_MSG_OFF;
  branch.mip_gap = options.gap;
  branch.tm_lim = std::max(1, int(std::min(options.time_limit, 1e6) * 1000));
  branch.cb_func = on_branch;
  branch.cb_info = &search;
  const int status = glp_intopt(p, &branch);
  if (search.cancelled) throw Error(ErrorKind::cancelled, "cancelled");
  const int found = glp_mip_status(p);
  if (found == GLP_NOFEAS) return std::nullopt;
  const bool none = found != GLP_OPT && found != GLP_FEAS;
  const bool in_time = status == 0 || status == GLP_EMIPGAP;
  if (rounded && !in_time && (none || rounded->objective < glp_mip_obj_val(p) * unit)) {
    rounded->bound = std::min(std::max(rounded->bound, search.bound * unit), rounded->objective);
    rounded->proven = rounded->objective - rounded->bound <= options.gap * rounded->objective;
    return rounded;
  }
  if (none)
    throw Error(ErrorKind::resource,
                "no plan was found within the time limit: allow more time or a larger budget");
  solution.objective = glp_mip_obj_val(p) * unit;
  solution.bound = status == 0 ? solution.objective : std::min(search.bound * unit, solution.objective);
  solution.proven = in_time;
  for (std::size_t i = 0; i < table_.choices.size(); ++i)
    if (glp_mip_col_val(p, int(i) + 1) > 0.5) solution.chosen.push_back(i);
  return solution;
}

} // namespace intarsia

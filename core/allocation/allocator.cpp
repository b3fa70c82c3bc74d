// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/allocator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/allocation/choices.h"
#include "core/allocation/glpk_problem.h"
#include "core/allocation/plan_memory.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"

namespace intarsia {

struct Allocator::Impl {
  AllocationProblem problem;
  ChoiceTable table;
  GlpkProblem solver;
  std::set<std::string> planned;      // names of table.layers
  std::optional<Range> latency_range; // once asked for: finding it costs the solver its warm start

  explicit Impl(AllocationProblem p)
      : problem(std::move(p))
      , table(build_choices(problem))
      , solver(table, table.layers.size()) {
    for (const LinearLayer& layer : table.layers) planned.insert(layer.name);
  }

  ModelMemory fixed(std::size_t context) const {
    return problem.memory->predict_fixed({problem.config, problem.graph, context, problem.kv_cache}, planned);
  }
  double fixed_bytes(std::size_t context) const { return double(fixed(context).total()); }

  Limits limits(const AllocationRequest& request) const;
  std::optional<double> budget_bytes(const AllocationRequest& request) const;
  [[noreturn]] void explain_infeasible(const AllocationRequest& request, const JobControl& control);
  MemoryBudget memory_needed(const MemoryBudget& asked, const Limits& limits, std::size_t context,
                             const JobControl& control);
  double least(Objective objective, const Limits& limits, const JobControl& control);
  std::vector<std::size_t> one_for_all(QuantizerId id, QuantizerId outside) const;
  bool fits(const std::vector<std::size_t>& chosen, const Limits& limits) const;
  std::uint64_t memory_bytes(const Plan& plan, const std::vector<std::size_t>& chosen,
                             std::size_t context) const;
  void fill(Plan& plan, const std::vector<std::size_t>& chosen, const AllocationRequest& request) const;
};

namespace {

std::string format_memory(double bytes) { return format_bytes(std::uint64_t(std::ceil(bytes))); }
std::string format_latency(double seconds) {
  return fmt::format("{:.3f} ms ({:.1f} tok/s)", seconds * 1e3, 1 / seconds);
}

} // namespace

std::optional<double> Allocator::Impl::budget_bytes(const AllocationRequest& request) const {
  if (!request.memory) return std::nullopt;
  if (const auto* bytes = std::get_if<MemoryBytes>(&*request.memory)) return double(bytes->bytes);
  if (const auto* part = std::get_if<ModelFraction>(&*request.memory))
    return part->fraction * double(f16_model_bytes(problem.graph, problem.config));
  return std::nullopt;
}

Limits Allocator::Impl::limits(const AllocationRequest& request) const {
  Limits limits;
  if (const auto bytes = budget_bytes(request)) {
    // A part of the f16 model is compared with the model alone, without cache and buffers.
    const ModelMemory fixed = this->fixed(request.context);
    const bool part = std::holds_alternative<ModelFraction>(*request.memory);
    limits.bytes = *bytes - double(part ? fixed.model_alone() : fixed.total());
  }
  if (request.memory)
    if (const auto* average = std::get_if<BitsPerWeight>(&*request.memory))
      limits.code_bits = average->bits * table.weights;
  if (request.latency_seconds) {
    if (!problem.latency)
      throw Error(ErrorKind::usage, "a latency budget needs a latency table: give one with --latency-table");
    limits.seconds = *request.latency_seconds - table.constant_seconds;
  }
  return limits;
}

double Allocator::Impl::least(Objective objective, const Limits& limits, const JobControl& control) {
  const auto solution = solver.solve(objective, limits, {1e-3, 5}, control);
  return solution ? solution->objective : std::numeric_limits<double>::infinity();
}

MemoryBudget Allocator::Impl::memory_needed(const MemoryBudget& asked, const Limits& limits,
                                            std::size_t context, const JobControl& control) {
  const auto smallest = solver.solve(Objective::bytes, limits, {1e-4, 5}, control);
  if (!smallest) return asked;
  double bytes = 0, bits = 0;
  for (const std::size_t i : smallest->chosen) {
    bytes += table.choices[i].bytes;
    bits += table.choices[i].code_bits;
  }
  // Rounded up, so that it can be met in the digits that a person reads.
  if (std::holds_alternative<BitsPerWeight>(asked))
    return BitsPerWeight{std::ceil(bits / table.weights * 1e3 - 1e-6) / 1e3};
  const ModelMemory fixed = this->fixed(context);
  if (std::holds_alternative<ModelFraction>(asked)) {
    const double whole = double(f16_model_bytes(problem.graph, problem.config));
    return ModelFraction{std::ceil((bytes + double(fixed.model_alone())) / whole * 1e4) / 1e4};
  }
  return MemoryBytes{std::uint64_t(std::ceil(bytes + double(fixed.total())))};
}

void Allocator::Impl::explain_infeasible(const AllocationRequest& request, const JobControl& control) {
  const Limits all = limits(request);
  const double fixed = fixed_bytes(request.context);
  const double min_bytes = least(Objective::bytes, {}, control);
  double min_bits = std::numeric_limits<double>::infinity();
  if (all.code_bits) { // code bits and bytes are smallest together
    min_bits = 0;
    const auto smallest = solver.solve(Objective::bytes, {}, {1e-6, 5}, control);
    for (const std::size_t i : smallest->chosen) min_bits += table.choices[i].code_bits;
  }
  std::string sentence;
  const bool memory_alone =
      (all.bytes && *all.bytes < min_bytes) || (all.code_bits && *all.code_bits < min_bits);
  const std::string smallest_memory =
      all.code_bits ? fmt::format("{:.4g} bpw", min_bits / table.weights) : format_memory(min_bytes + fixed);
  std::optional<MemoryBudget> nearest_memory;
  std::optional<double> nearest_latency;
  if (memory_alone) sentence = "the memory budget cannot be met: the smallest plan needs " + smallest_memory;
  if (problem.latency && all.seconds) {
    const double fastest = least(Objective::seconds, {}, control) + table.constant_seconds;
    const bool latency_alone = *request.latency_seconds < fastest;
    if (latency_alone)
      sentence +=
          (sentence.empty() ? "the latency budget cannot be met: " : "; nor can the latency budget: ") +
          ("the fastest plan takes " + format_latency(fastest));
    if (sentence.empty()) {
      const double memory = least(Objective::bytes, {{}, {}, all.seconds}, control) + fixed;
      const double latency =
          least(Objective::seconds, {all.bytes, all.code_bits, {}}, control) + table.constant_seconds;
      sentence = "the two budgets cannot be met together: at this latency the smallest plan needs " +
                 format_memory(memory) + ", and within this memory the fastest takes " +
                 format_latency(latency) + "; the smallest memory of all is " + smallest_memory +
                 ", the smallest latency of all " + format_latency(fastest);
    } else if (!memory_alone) {
      sentence += "; the smallest memory of all is " + smallest_memory;
    }
    if (!memory_alone) // a hair more than the fastest, which is found to a thousandth
      nearest_latency =
          (least(Objective::seconds, {all.bytes, all.code_bits, {}}, control) + table.constant_seconds) *
          1.001;
    if (request.memory && !latency_alone)
      nearest_memory = memory_needed(*request.memory, {{}, {}, all.seconds}, request.context, control);
  } else if (request.memory) {
    nearest_memory = memory_needed(*request.memory, {}, request.context, control);
  }
  throw Infeasible(sentence + ". Raise the budget, shorten the context or allow more quantizers",
                   nearest_memory, nearest_latency);
}

// Exact, but for quantizers that only another palette has.
std::uint64_t Allocator::Impl::memory_bytes(const Plan& plan, const std::vector<std::size_t>& chosen,
                                            std::size_t context) const {
  const auto is_foreign = [&](std::size_t i) { return !in_palette(table.choices[i].quantizer); };
  if (std::none_of(chosen.begin(), chosen.end(), is_foreign))
    return plan_memory(*problem.memory, problem.config, problem.graph, plan, context).total();
  double bytes = fixed_bytes(context);
  for (const std::size_t i : chosen) bytes += table.choices[i].bytes;
  return std::uint64_t(bytes);
}

void Allocator::Impl::fill(Plan& plan, const std::vector<std::size_t>& chosen,
                           const AllocationRequest& request) const {
  double linear_bytes = 0, bits = 0, seconds = table.constant_seconds, loss = 0;
  for (const std::size_t i : chosen) {
    const Choice& choice = table.choices[i];
    const auto& members = table.groups[choice.group].members;
    const bool in_block = members[0] < problem.graph.linears.size();
    std::vector<std::string> names;
    for (const std::size_t member : members) {
      names.push_back(table.layers[member].name);
      if (in_block) linear_bytes += linear_bytes_of(choice.quantizer, table.layers[member]);
      if (in_block || choice.quantizer.family != QuantizerFamily::f16)
        plan.layers[names.back()] = {choice.quantizer, choice.kernel};
    }
    if (names.size() > 1) plan.fusions.push_back(std::move(names));
    bits += choice.code_bits;
    seconds += choice.seconds;
    loss += choice.loss;
  }
  plan.model = problem.config.name;
  plan.budgets.context = request.context;
  plan.budgets.kv_cache = problem.kv_cache;
  plan.budgets.latency_seconds = request.latency_seconds;
  if (const auto budget = budget_bytes(request)) plan.budgets.memory_bytes = std::uint64_t(*budget);
  plan.predicted = {loss,
                    problem.sensitivity.calibrated,
                    bits / table.weights,
                    std::uint64_t(linear_bytes),
                    memory_bytes(plan, chosen, request.context),
                    std::nullopt,
                    false};
  if (problem.latency) {
    plan.predicted.latency_seconds = seconds;
    plan.predicted.latency_estimated = !problem.latency->estimated.empty();
  }
}

Allocator::Allocator(AllocationProblem problem)
    : impl_(std::make_unique<Impl>(std::move(problem))) {}
Allocator::~Allocator() = default;

Plan Allocator::solve(const AllocationRequest& request, const JobControl& control) {
  const auto start = std::chrono::steady_clock::now();
  if (!(request.gap >= 0 && request.gap < 1))
    throw Error(ErrorKind::usage, "the gap must lie between 0 and 1");
  const Limits limits = impl_->limits(request);
  const auto solution =
      impl_->solver.solve(Objective::loss, limits, {request.gap, request.time_limit}, control);
  if (!solution) impl_->explain_infeasible(request, control);
  Plan plan;
  impl_->fill(plan, solution->chosen, request);
  const double objective = solution->objective;
  plan.solver = {glpk_name(),
                 std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                 solution->relaxation_seconds,
                 objective,
                 solution->bound,
                 objective > 0 ? (objective - solution->bound) / objective : 0,
                 solution->proven};
  if (limits.bytes) plan.shadow_prices.loss_per_mebibyte = std::min(0.0, solution->price_bytes * 0x1p20);
  if (limits.code_bits)
    plan.shadow_prices.loss_per_mebibyte = std::min(0.0, solution->price_code_bits * 0x1p23);
  if (limits.seconds) plan.shadow_prices.loss_per_millisecond = std::min(0.0, solution->price_seconds * 1e-3);
  return plan;
}

// One linear, one kernel each: the fastest single kernel; fusing would need a program of its own. Embedding
// and head take `outside`. Empty when the table has not all of it.
std::vector<std::size_t> Allocator::Impl::one_for_all(QuantizerId id, QuantizerId outside) const {
  std::vector<std::size_t> chosen(table.layers.size(), SIZE_MAX);
  for (std::size_t i = 0; i < table.choices.size(); ++i) {
    const Choice& choice = table.choices[i];
    const auto& members = table.groups[choice.group].members;
    if (members.size() > 1 || choice.quantizer != (members[0] < problem.graph.linears.size() ? id : outside))
      continue;
    std::size_t& present = chosen[members[0]];
    if (present == SIZE_MAX || choice.seconds < table.choices[present].seconds) present = i;
  }
  if (std::find(chosen.begin(), chosen.end(), SIZE_MAX) != chosen.end()) chosen.clear();
  return chosen;
}

bool Allocator::Impl::fits(const std::vector<std::size_t>& chosen, const Limits& limits) const {
  double bytes = 0, bits = 0, seconds = 0;
  for (const std::size_t i : chosen) {
    bytes += table.choices[i].bytes;
    bits += table.choices[i].code_bits;
    seconds += table.choices[i].seconds;
  }
  return (!limits.bytes || bytes <= *limits.bytes) &&
         (!limits.code_bits || bits <= *limits.code_bits * (1 + 1e-9)) &&
         (!limits.seconds || seconds <= *limits.seconds);
}

std::optional<Plan> Allocator::best_single_scheme(const AllocationRequest& request) const {
  const Limits limits = impl_->limits(request);
  std::set<QuantizerId> schemes;
  for (const Choice& choice : impl_->table.choices) schemes.insert(choice.quantizer);
  std::vector<std::size_t> best;
  double least = std::numeric_limits<double>::infinity();
  for (const QuantizerId id : schemes)
    for (const QuantizerId outside : {id, QuantizerId{}}) {
      auto chosen = impl_->one_for_all(id, outside);
      if (chosen.empty() || !impl_->fits(chosen, limits)) continue;
      double loss = 0;
      for (const std::size_t i : chosen) loss += impl_->table.choices[i].loss;
      if (loss < least) least = loss, best = std::move(chosen);
    }
  if (best.empty()) return std::nullopt;
  Plan plan;
  impl_->fill(plan, best, request);
  return plan;
}

Allocator::Range Allocator::memory_range(std::size_t context) const {
  // Each linear on its own: fusing changes no bytes.
  const std::size_t count = impl_->table.layers.size();
  std::vector<const Choice*> smallest(count), best(count);
  for (const Choice& choice : impl_->table.choices) {
    const auto& members = impl_->table.groups[choice.group].members;
    if (members.size() > 1) continue;
    const Choice*& low = smallest[members[0]];
    const Choice*& high = best[members[0]];
    if (!low || choice.bytes < low->bytes) low = &choice;
    if (!high || choice.loss < high->loss) high = &choice;
  }
  Range range{impl_->fixed_bytes(context), impl_->fixed_bytes(context)};
  for (std::size_t i = 0; i < count; ++i) {
    range.low += smallest[i]->bytes;
    range.high += best[i]->bytes;
  }
  return range;
}

std::optional<Allocator::Range> Allocator::latency_range(const JobControl& control) {
  if (!impl_->problem.latency || impl_->latency_range) return impl_->latency_range;
  const double constant = impl_->table.constant_seconds;
  Range range{impl_->least(Objective::seconds, {}, control) + constant, constant};
  const auto best = impl_->solver.solve(Objective::loss, {}, {1e-3, 5}, control);
  for (const std::size_t i : best->chosen) range.high += impl_->table.choices[i].seconds;
  return impl_->latency_range = range;
}

std::optional<Allocator::Range> Allocator::quick_latency_range() const {
  if (!impl_->problem.latency) return std::nullopt;
  if (impl_->latency_range) return impl_->latency_range;
  const std::size_t count = impl_->table.layers.size();
  std::vector<const Choice*> fastest(count), best(count);
  for (const Choice& choice : impl_->table.choices) {
    const auto& members = impl_->table.groups[choice.group].members;
    if (members.size() > 1) continue;
    const Choice*& low = fastest[members[0]];
    const Choice*& high = best[members[0]];
    if (!low || choice.seconds < low->seconds) low = &choice;
    if (!high || choice.loss < high->loss) high = &choice;
  }
  Range range{impl_->table.constant_seconds, impl_->table.constant_seconds};
  for (std::size_t i = 0; i < count; ++i) {
    range.low += fastest[i]->seconds;
    range.high += best[i]->seconds;
  }
  return range;
}

Allocator::MemoryScale Allocator::memory_scale(std::size_t context, const Plan* plan) const {
  // Row scales take the same whatever the code.
  MemoryScale scale{impl_->fixed_bytes(context), impl_->table.weights / 8};
  std::vector<const Choice*> best(impl_->table.layers.size());
  for (const Choice& choice : impl_->table.choices) {
    const auto& members = impl_->table.groups[choice.group].members;
    if (members.size() > 1) continue;
    const LinearLayer& layer = impl_->table.layers[members[0]];
    if (plan && in_vocabulary(layer) && choice.quantizer != plan->quantizer_of(layer)) continue;
    const Choice*& high = best[members[0]];
    if (!high || choice.loss < high->loss) high = &choice;
  }
  for (const Choice* choice : best)
    if (choice) scale.at_zero += choice->bytes - choice->code_bits / 8;
  return scale;
}

std::vector<Plan> Allocator::single_schemes(std::size_t context) const {
  AllocationRequest request;
  request.context = context;
  std::set<QuantizerId> schemes;
  for (const Choice& choice : impl_->table.choices) schemes.insert(choice.quantizer);
  std::vector<Plan> plans;
  for (const QuantizerId id : schemes) {
    auto chosen = impl_->one_for_all(id, id);
    if (chosen.empty()) chosen = impl_->one_for_all(id, QuantizerId{});
    if (chosen.empty()) continue;
    plans.emplace_back();
    impl_->fill(plans.back(), chosen, request);
  }
  std::sort(plans.begin(), plans.end(), [](const Plan& a, const Plan& b) {
    return a.predicted.bits_per_weight < b.predicted.bits_per_weight;
  });
  return plans;
}

const AllocationProblem& Allocator::problem() const { return impl_->problem; }

} // namespace intarsia

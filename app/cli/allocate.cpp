// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <fmt/format.h>
#include <sstream>

#include "app/cli/plan_table.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/allocation/choices.h"
#include "core/allocation/frontier.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/jobs/measure_sensitivity.h"
#include "core/jobs/memory.h"
#include "core/jobs/result_cache.h"
#include "core/sensitivity/provisional_sensitivity.h"

namespace intarsia::cli {
namespace {

VerbSpec spec() {
  return {
      "allocate",
      "MODEL",
      "chooses a quantizer for every layer within a memory and a latency budget",
      {{"--memory", "B", "2.5GiB, 900MB (everything in memory), 3.25bpw, or 40% of the f16 model"},
       {"--latency", "B", "6.5ms for one decode step, or 150tok/s; needs --latency-table"},
       {"--quick", "", "plan at once, with provisional sensitivities by role and depth; nothing is measured"},
       {"--sensitivity", "FILE", "sensitivity.json (default: estimated data-free, once a model)"},
       {"--latency-table", "FILE", "latency.json of the device"},
       {"--context", "N", "tokens of context to keep memory for (default 4096, at most the model's)"},
       {"--kv-cache", "f16|q8", "how the context is held: in f16 (default), or in 8 bits on the CPU"},
       {"--no-fusion", "", "run every layer as a kernel of its own"},
       {"--pin", "LAYER=QUANTIZER", "fix a layer's quantizer; may be given again", true},
       {"--only", "FAMILY,…", "use these families only: nuq, vq, tcq, half-tcq, f16"},
       {"--gap", "X", "stop when the plan is proven within this of the best (default 1e-4)"},
       {"--time-limit", "S", "seconds to search at most (default 60)"},
       {"--no-calibration", "", "plan for `quantize --no-calibration`, which loses more in some layers"},
       {"--output", "FILE", "where to write (default plan.json)"},
       device_option()}};
}

void read_pins(const Options& options, AllocationProblem& problem) {
  for (const std::string& text : options.all("--pin")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      throw Error(ErrorKind::usage, "allocate: option --pin is \"" + text + "\"; write LAYER=QUANTIZER");
    problem.pins[text.substr(0, equals)] = parse_quantizer_id(text.substr(equals + 1));
  }
}

void read_families(const Options& options, AllocationProblem& problem) {
  std::istringstream families(options.text("--only").value_or(""));
  for (std::string family; std::getline(families, family, ',');) problem.only.insert(parse_family(family));
}

Sensitivity sensitivity_of(const Options& options, const OpenedModel& model) {
  if (const auto file = options.text("--sensitivity")) return read_sensitivity(*file);
  if (options.has("--quick")) return provisional_sensitivity(model.config(), model.graph());
  if (model.checkpoint && !model.checkpoint->has_weights())
    throw Error(
        ErrorKind::usage,
        "allocate: " + options.argument() +
            " has no weights to measure: give --sensitivity FILE, or --quick to plan with provisional ones");
  const ExecutionTarget target = chosen_target(options);
  const SensitivityCache cache(*model.checkpoint, {}, {});
  if (auto known = cache.find()) return *known;
  const JobControl control = make_control("sensitivity");
  const Sensitivity result = measure_sensitivity(target, model, {}, {}, control);
  end_progress();
  if (const auto file = cache.store(result); !file.empty())
    fmt::print(stderr, "sensitivity estimated in {:.0f} s and stored in {}\n", result.seconds, file.string());
  return result;
}

// Where the loss comes from, and how far ideal quantizers of the same average would be.
void print_loss(const Plan& plan, const AllocationProblem& problem) {
  std::vector<std::pair<double, std::string>> losses;
  for (const LinearLayer* layer : problem.graph.all_layers())
    if (const auto price = problem.sensitivity.layers.find(layer->name);
        price != problem.sensitivity.layers.end() && plan.layers.contains(layer->name))
      losses.emplace_back(price->second * distortion_of(problem, plan.quantizer_of(*layer)), layer->name);
  std::sort(losses.rbegin(), losses.rend());
  fmt::print("most of it:");
  for (std::size_t i = 0; i < std::min<std::size_t>(3, losses.size()); ++i)
    fmt::print("{} {} {:.1f} %", i ? "," : "", losses[i].second,
               100 * losses[i].first / std::max(plan.predicted.loss, 1e-300));
  fmt::print("\nideal quantizers of the same average (Theorem 3.1) would lose {:.5g} nats\n",
             ideal_loss(problem.graph, problem.sensitivity, plan.predicted.bits_per_weight));
}

void print_plan(const Plan& plan, const AllocationProblem& problem, const std::string& out,
                const std::optional<Plan>& single) {
  const LayerGraph& graph = problem.graph;
  fmt::print("{}\n", plan_table(plan, graph));
  fmt::print("{}: {:.3f} bits per weight, {} of linears, {} in memory at {} tokens of context\n", out,
             plan.predicted.bits_per_weight, format_bytes(plan.predicted.linear_bytes),
             format_bytes(plan.predicted.memory_bytes), plan.budgets.context);
  if (plan.predicted.latency_seconds)
    fmt::print("predicted {:.3f} ms a token ({:.1f} tok/s{}), {} fused groups\n",
               *plan.predicted.latency_seconds * 1e3, 1 / *plan.predicted.latency_seconds,
               plan.predicted.latency_estimated ? ", from an estimated table" : "", plan.fusions.size());
  if (problem.sensitivity.method == provisional_method)
    fmt::print("provisional: no layer of this model was measured; leave --quick out to measure it\n");
  fmt::print(
      "predicted loss {:.5g} nats ({} calibration), bound {:.5g}, gap {:.4f} % ({}), {} in {:.0f} ms\n",
      plan.solver.objective, plan.predicted.calibrated ? "with" : "without", plan.solver.bound,
      100 * plan.solver.gap, plan.solver.proven ? "proven" : "not proven within the time limit",
      plan.solver.name, plan.solver.seconds * 1e3);
  print_loss(plan, problem);
  if (single)
    fmt::print("best plan with one quantizer for all: {}, loss {:.5g} nats\n",
               to_string(single->layers.begin()->second.quantizer), single->predicted.loss);
  if (plan.shadow_prices.loss_per_mebibyte)
    fmt::print("one MiB more would change the loss by {:.3g} nats\n", *plan.shadow_prices.loss_per_mebibyte);
  if (plan.shadow_prices.loss_per_millisecond)
    fmt::print("one ms more would change the loss by {:.3g} nats\n",
               *plan.shadow_prices.loss_per_millisecond);
}

void run(const Options& options) {
  const std::string out = options.text("--output").value_or("plan.json");
  AllocationRequest request;
  if (const auto memory = options.text("--memory")) request.memory = parse_memory_budget(*memory);
  if (const auto latency = options.text("--latency"))
    request.latency_seconds = parse_latency_budget(*latency);
  if (!request.memory && !request.latency_seconds)
    throw Error(ErrorKind::usage, "allocate: give a budget with --memory, --latency or both");
  if (options.has("--quick") && options.has("--sensitivity"))
    throw Error(ErrorKind::usage, "allocate: give --quick or --sensitivity, not both");
  if (request.latency_seconds && !options.has("--latency-table"))
    throw Error(ErrorKind::usage, "allocate: --latency needs --latency-table FILE");
  request.gap = options.number_or("--gap", 0, 0.5, request.gap);
  request.time_limit = options.number_or("--time-limit", 0.001, 1e6, request.time_limit);

  AllocationProblem problem;
  read_pins(options, problem);
  read_families(options, problem);
  problem.kv_cache = chosen_kv_cache(options).value_or(KvPrecision::f16);
  problem.allow_fusion = !options.has("--no-fusion");
  if (const auto table = options.text("--latency-table")) problem.latency = read_latency_table(*table);
  const OpenedModel model = open_model(options.argument());
  if (model.artifact)
    throw Error(ErrorKind::usage,
                "allocate: " + options.argument() + " is quantized already; name the original model");
  problem.config = model.config();
  problem.graph = model.graph();
  request.context = options.count_or("--context", 1, problem.config.max_positions,
                                     std::min<std::size_t>(4096, problem.config.max_positions));
  problem.sensitivity = sensitivity_of(options, model);
  if (options.has("--device"))
    problem.memory = memory_of(chosen_target(options));
  else if (problem.latency)
    problem.memory = memory_of(*problem.latency);
  if (!options.has("--no-calibration")) problem.sensitivity = for_calibrated(std::move(problem.sensitivity));

  Allocator allocator(std::move(problem));
  const Plan plan = allocator.solve(request, make_control("solving"));
  const auto single = allocator.best_single_scheme(request);
  end_progress();
  OrderedJson json = to_json(plan);
  if (allocator.problem().sensitivity.method == provisional_method) json["predicted"]["provisional"] = true;
  write_file_atomically(out, json.dump(2) + "\n");
  if (options.json())
    print_json(json);
  else
    print_plan(plan, allocator.problem(), out, single);
}

} // namespace

Verb allocate_verb() { return {spec(), run}; }

} // namespace intarsia::cli

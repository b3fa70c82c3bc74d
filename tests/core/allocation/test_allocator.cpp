// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The allocator against brute force on small problems, and its promises.
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "core/allocation/choices.h"
#include "core/allocation/closed_form.h"
#include "core/allocation/frontier.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/memory/memory_model.h"
#include "core/palette/quantizer.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

ModelConfig small_config(std::size_t blocks) {
  ModelConfig config = test::config_of({32, 48, blocks, 4, 2, 8, 64, 128});
  config.architecture = "llama";
  config.name = "small";
  config.tied_embeddings = true;
  return config;
}

const std::vector<std::string> offered{"nuq-2", "vq-3", "nuq-4"};

// A random problem on the first `linears` linears of one block; the rest of the graph is cut off.
AllocationProblem random_problem(Random& random, std::size_t linears, bool with_latency) {
  AllocationProblem problem;
  problem.config = small_config(1);
  problem.graph = build_layer_graph(problem.config);
  problem.graph.linears.resize(linears);
  for (const LinearLayer& layer : problem.graph.linears)
    problem.sensitivity.layers[layer.name] = random.below(8) == 0 ? 0 : std::exp(3 * double(random.normal()));
  if (random.below(2)) // the embedding, tied to the head, takes part
    problem.sensitivity.layers[problem.graph.embedding.name] = std::exp(2 * double(random.normal()));
  for (const LinearLayer& layer : problem.graph.linears) {
    if (random.below(6) == 0)
      problem.pins[layer.name] = parse_quantizer_id(offered[random.below(offered.size())]);
    if (random.below(6) == 0)
      problem.forbidden[layer.name].insert(parse_quantizer_id(offered[random.below(2)]));
  }
  problem.allow_fusion = random.below(4) != 0;
  if (!with_latency) {
    problem.only = {QuantizerFamily::nuq};
    return problem;
  }
  LatencyTable table;
  table.constant_seconds = 1e-3 * random.uniform();
  std::set<std::pair<std::size_t, std::size_t>> shapes;
  for (const FusionGroup& group : fusion_groups(problem.graph)) {
    std::size_t out = 0;
    for (const std::size_t member : group.members) out += problem.graph.linears[member].d_out;
    const bool fused = group.members.size() > 1;
    if (fused && random.below(3) == 0) continue; // a shape the table does not have
    shapes.insert({problem.graph.linears[group.members[0]].d_in, out});
  }
  for (const auto& [in, out] : shapes)
    for (const std::string& id : offered)
      for (const char* kernel : {"tensor-core", "cuda-core"})
        table.entries.push_back(
            {in, out, parse_quantizer_id(id), kernel, 1e-5 * (1 + random.below(6)) * (1 + double(out) / 64)});
  problem.latency = table;
  return problem;
}

struct Totals {
  double loss = 0, bytes = 0, bits = 0, seconds = 0;
};

// Every partition of the linears into groups, every choice of each group.
double brute_force(const AllocationProblem& problem, const std::function<bool(const Totals&)>& fits) {
  const ChoiceTable table = build_choices(problem);
  const std::size_t all = (std::size_t(1) << table.layers.size()) - 1;
  double best = std::numeric_limits<double>::infinity();
  std::function<void(std::size_t, Totals)> cover = [&](std::size_t covered, Totals so_far) {
    if (covered == all) {
      if (fits(so_far)) best = std::min(best, so_far.loss);
      return;
    }
    const std::size_t next = std::size_t(std::countr_one(covered));
    for (const Choice& choice : table.choices) {
      std::size_t mask = 0;
      for (const std::size_t member : table.groups[choice.group].members) mask |= std::size_t(1) << member;
      if (!(mask >> next & 1) || (mask & covered)) continue;
      cover(covered | mask, {so_far.loss + choice.loss, so_far.bytes + choice.bytes,
                             so_far.bits + choice.code_bits, so_far.seconds + choice.seconds});
    }
  };
  cover(0, {});
  return best;
}

AllocationProblem memory_problem(std::size_t blocks) {
  AllocationProblem problem;
  problem.config = small_config(blocks);
  problem.graph = build_layer_graph(problem.config);
  Random random(3);
  for (const LinearLayer& layer : problem.graph.linears)
    problem.sensitivity.layers[layer.name] = std::exp(2 * double(random.normal()));
  return problem;
}

} // namespace

class TestAllocator : public QObject {
  Q_OBJECT
 private slots:
  void brute_force_agrees() {
    Random random(11);
    int feasible = 0, embeddings = 0;
    for (int round = 0; round < 500; ++round) {
      const bool with_latency = round % 2;
      AllocationProblem problem = random_problem(random, 3 + random.below(4), with_latency);
      Allocator* made = nullptr;
      std::unique_ptr<Allocator> allocator;
      try {
        allocator = std::make_unique<Allocator>(problem);
        made = allocator.get();
      } catch (const Error&) { // a pin of what the table lacks, or everything forbidden
      }
      if (!made) continue;
      AllocationRequest request;
      request.context = 16;
      request.gap = 1e-9;
      const std::string& embedding = problem.graph.embedding.name;
      std::set<std::string> planned;
      if (problem.sensitivity.layers.contains(embedding)) planned.insert(embedding);
      const double fixed = double(
          cpu_memory()->predict_fixed({problem.config, problem.graph, request.context}, planned).total());
      const auto range = made->memory_range(request.context);
      const double weights = double(problem.graph.linear_weights());
      std::optional<double> bytes, bits, seconds;
      if (random.below(2)) {
        bytes = std::floor(range.low - fixed + (range.high - range.low) * (1.2 * random.uniform() - 0.1));
        request.memory = MemoryBytes{std::uint64_t(std::max(1.0, *bytes + fixed))};
      } else {
        bits = 2 + 2 * random.uniform();
        request.memory = BitsPerWeight{*bits};
      }
      if (with_latency && random.below(3)) {
        const auto latency = *made->latency_range();
        seconds = latency.low + (latency.high - latency.low) * (1.2 * random.uniform() - 0.1);
        request.latency_seconds = *seconds;
      }
      const double constant = problem.latency ? problem.latency->constant_seconds : 0;
      const double expected = brute_force(problem, [&](const Totals& t) {
        return (!bytes || t.bytes <= *bytes + 1e-3) && (!bits || t.bits <= *bits * weights * (1 + 1e-9)) &&
               (!seconds || t.seconds + constant <= *seconds * (1 + 1e-9));
      });
      try {
        const Plan plan = made->solve(request, {});
        QVERIFY2(std::abs(plan.solver.objective - expected) <= 1e-6 * std::max(1e-9, expected) + 1e-12,
                 qPrintable(
                     QString("round %1: %2 against %3").arg(round).arg(plan.solver.objective).arg(expected)));
        QVERIFY(plan.solver.proven);
        QCOMPARE(plan.layers.size(), problem.graph.linears.size() + plan.layers.count(embedding));
        embeddings += int(plan.layers.count(embedding));
        for (const auto& [name, id] : problem.pins) QVERIFY(plan.layers.at(name).quantizer == id);
        ++feasible;
        // A wider gap is proven too, and its plan keeps the budgets.
        request.gap = 0.02;
        const Plan rough = made->solve(request, {});
        QVERIFY(rough.solver.proven && rough.solver.bound <= expected * (1 + 1e-6) + 1e-12);
        QVERIFY(rough.solver.objective >= expected * (1 - 1e-6) - 1e-12);
        QVERIFY(rough.solver.objective <= expected * 1.021 + 1e-9);
        if (bytes) QVERIFY(double(rough.predicted.memory_bytes) <= *bytes + fixed + 1e-3);
        if (bits) QVERIFY(rough.predicted.bits_per_weight <= *bits * (1 + 1e-9));
        if (seconds) QVERIFY(*rough.predicted.latency_seconds <= *seconds * (1 + 1e-9));
      } catch (const Error& error) {
        QVERIFY2(error.kind() == ErrorKind::infeasible, error.what());
        QVERIFY2(std::isinf(expected), qPrintable(QString("round %1: %2").arg(round).arg(error.what())));
      }
    }
    QVERIFY(feasible > 120);
    QVERIFY(embeddings > 20);
  }

  void a_larger_budget_never_costs_more_loss() {
    Allocator allocator(memory_problem(3));
    double last = std::numeric_limits<double>::infinity();
    for (double bits = 1.5; bits <= 8; bits += 0.125) {
      AllocationRequest request;
      request.memory = BitsPerWeight{bits};
      request.context = 64;
      const Plan plan = allocator.solve(request, {});
      QVERIFY(plan.predicted.bits_per_weight <= bits + 1e-9);
      QVERIFY(plan.solver.bound <= plan.solver.objective);
      QVERIFY(plan.predicted.loss <= last * (1 + 2e-4)); // each is within its gap of 1e-4
      last = std::min(last, plan.predicted.loss);
      const auto single = allocator.best_single_scheme(request);
      QVERIFY(single && single->predicted.loss >= plan.solver.bound * (1 - 1e-9));
    }
  }

  void the_frontier_falls_and_stays_above_the_ideal() {
    Allocator allocator(memory_problem(3));
    std::size_t reports = 0;
    const Frontier frontier = trace_frontier(allocator, 24, 64, [&](const Frontier&) { ++reports; }, {});
    QVERIFY(reports >= 3);
    QVERIFY(frontier.latency.empty()); // there are no times
    QVERIFY(frontier.memory.size() > 12);
    for (std::size_t i = 0; i < frontier.memory.size(); ++i) {
      const FrontierPoint& point = frontier.memory[i];
      QVERIFY(point.ideal > 0 && point.loss > point.ideal);
      if (i > 0)
        QVERIFY(point.bits > frontier.memory[i - 1].bits && point.loss < frontier.memory[i - 1].loss);
    }
    std::stop_source stop;
    stop.request_stop();
    QVERIFY(!test::error_of([&] { trace_frontier(allocator, 24, 64, {}, {{}, stop.get_token()}); }).empty());
  }

  // An embedding that can be quantized is part of what a budget of bytes buys.
  void the_frontier_and_the_scale_count_the_embedding() {
    AllocationProblem problem = memory_problem(3);
    problem.sensitivity.layers[problem.graph.embedding.name] = 0.1;
    const std::string embedding = problem.graph.embedding.name;
    Allocator allocator(std::move(problem));
    const Frontier frontier = trace_frontier(allocator, 24, 64, {}, {});
    QVERIFY(frontier.memory.size() > 12);
    bool quantized = false;
    for (const FrontierPoint& point : frontier.memory) {
      AllocationRequest request;
      request.context = 64;
      request.memory = MemoryBytes{std::uint64_t(point.bytes)};
      const Plan plan = allocator.solve(request, {});
      QVERIFY(plan.solver.bound >=
              point.loss * (1 - 3e-3)); // the point is as good as any plan of as many bytes
      const auto scale = allocator.memory_scale(64, &plan);
      const double told = scale.bytes(plan.predicted.bits_per_weight);
      QVERIFY(std::abs(told / double(plan.predicted.memory_bytes) - 1) < 1e-3);
      quantized = quantized || plan.quantizer_of(allocator.problem().graph.embedding) != QuantizerId{};
    }
    QVERIFY(quantized);
  }

  void the_order_of_budgets_does_not_matter() {
    Allocator warm(memory_problem(2));
    AllocationRequest request;
    request.context = 64;
    for (const double bits : {6.0, 2.0, 4.0, 3.1}) {
      request.memory = BitsPerWeight{bits};
      Allocator cold(memory_problem(2));
      QVERIFY(std::abs(warm.solve(request, {}).solver.objective / cold.solve(request, {}).solver.objective -
                       1) < 2e-4);
    }
  }

  void the_shadow_price_is_what_a_little_more_memory_buys() {
    Allocator allocator(memory_problem(6));
    AllocationRequest request;
    request.context = 64;
    request.gap = 1e-9;
    const auto loss_at = [&](double bytes) {
      request.memory = MemoryBytes{std::uint64_t(bytes)};
      return allocator.solve(request, {});
    };
    const auto range = allocator.memory_range(64);
    const double middle = (range.low + range.high) / 2, step = (range.high - range.low) / 8;
    const Plan plan = loss_at(middle);
    const double price = *plan.shadow_prices.loss_per_mebibyte, steps = step / 0x1p20;
    const double below = loss_at(middle - step).predicted.loss, above = loss_at(middle + step).predicted.loss;
    QVERIFY(price < 0);
    // The relaxation's loss is convex in the memory, so its slope lies between those to both sides; the tenth
    // is for what integers lose.
    const double steep = (plan.predicted.loss - below) / steps, flat = (above - plan.predicted.loss) / steps;
    QVERIFY2(price >= 1.1 * steep && price <= 0.9 * flat,
             qPrintable(QString("%1 between %2 and %3").arg(price).arg(steep).arg(flat)));
  }

  void impossible_budgets_say_what_is_possible() {
    Allocator allocator(memory_problem(2));
    AllocationRequest request;
    request.context = 64;
    request.memory = MemoryBytes{1};
    QVERIFY(test::error_of([&] { allocator.solve(request, {}); }).find("smallest plan needs") !=
            std::string::npos);
    request.memory = BitsPerWeight{1.2};
    QVERIFY(test::error_of([&] { allocator.solve(request, {}); }).find("1.5 bpw") != std::string::npos);
    request.memory = BitsPerWeight{4};
    request.latency_seconds = 1e-3;
    QVERIFY(test::error_of([&] { allocator.solve(request, {}); }).find("--latency-table") !=
            std::string::npos);
    std::stop_source stop;
    stop.request_stop();
    request.latency_seconds.reset();
    QCOMPARE(test::error_of([&] {
               allocator.solve(request, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }

  void problems_that_do_not_fit_the_model_are_named() {
    auto missing = memory_problem(1);
    missing.sensitivity.layers.erase("model.layers.0.mlp.down_proj");
    QVERIFY(test::error_of([&] { Allocator a(missing); }).find("model.layers.0.mlp.down_proj") !=
            std::string::npos);
    auto pinned = memory_problem(1);
    pinned.pins["model.layers.9.mlp.up_proj"] = parse_quantizer_id("nuq-4");
    QVERIFY(test::error_of([&] { Allocator a(pinned); }).find("model.layers.9.mlp.up_proj") !=
            std::string::npos);
    auto unknown = memory_problem(1);
    unknown.pins["model.layers.0.mlp.up_proj"] = parse_quantizer_id("nuq-9");
    QVERIFY(test::error_of([&] { Allocator a(unknown); }).find("nuq-9") != std::string::npos);
    auto table = memory_problem(1);
    table.latency =
        LatencyTable{"card", "cuda", 0, "", 1, 0, {{7, 7, parse_quantizer_id("nuq-4"), "cuda-core", 1}}, {}};
    QVERIFY(test::error_of([&] { Allocator a(table); }).find("no usable entry") != std::string::npos);
  }

  void plans_are_read_back_and_checked() {
    auto problem = memory_problem(1);
    Allocator allocator(problem);
    AllocationRequest request;
    request.memory = BitsPerWeight{4};
    const Plan plan = allocator.solve(request, {});
    const Json json = Json::parse(to_json(plan).dump());
    const Plan again = parse_plan(json, problem.graph, "plan.json");
    QCOMPARE(to_json(again).dump(), to_json(plan).dump());
    const auto broken = [&](const std::function<void(Json&)>& change) {
      Json copy = json;
      change(copy);
      return test::error_of([&] { parse_plan(copy, problem.graph, "plan.json"); });
    };
    QVERIFY(broken([](Json& j) { j["format"] = "x"; }).find("format") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["layers"].erase("model.layers.0.mlp.up_proj"); }).find("up_proj") !=
            std::string::npos);
    QVERIFY(broken([](Json& j) {
              j["layers"]["strange"] = {{"quantizer", "nuq-4"}};
            }).find("strange") != std::string::npos);
    QVERIFY(broken([](Json& j) {
              j["layers"]["model.layers.0.mlp.up_proj"]["quantizer"] = "nuq-99";
            }).find("quantizer") != std::string::npos);
    QVERIFY(broken([](Json& j) {
              j["layers"]["model.layers.0.mlp.up_proj"]["quantizer"] = 7;
            }).find("quantizer") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["fusions"] = {{"nobody"}}; }).find("fusions") != std::string::npos);
  }

  void budgets_are_read_as_people_write_them() {
    QCOMPARE(std::get<MemoryBytes>(parse_memory_budget("2.5GiB")).bytes, std::uint64_t(2.5 * (1 << 30)));
    QCOMPARE(std::get<MemoryBytes>(parse_memory_budget("900 MB")).bytes, std::uint64_t(900'000'000));
    QCOMPARE(std::get<BitsPerWeight>(parse_memory_budget("3.25bpw")).bits, 3.25);
    QCOMPARE(std::get<ModelFraction>(parse_memory_budget("40%")).fraction, 0.4);
    QCOMPARE(parse_latency_budget("6.5ms"), 6.5e-3);
    QCOMPARE(parse_latency_budget("150tok/s"), 1 / 150.0);
    for (const char* text :
         {"", "0GiB", "-1GiB", "nan", "nanbpw", "infGiB", "1e400GiB", "5", "5 parsecs", "GiB", "1e30TiB"})
      QVERIFY(test::error_of([&] { parse_memory_budget(text); }).find("is not a memory budget") !=
              std::string::npos);
    for (const char* text : {"", "0ms", "-3ms", "nan ms", "inf tok/s", "5", "7 bananas"})
      QVERIFY(test::error_of([&] { parse_latency_budget(text); }).find("is not a latency budget") !=
              std::string::npos);
  }

  // Theorem 3.1: at the optimum every layer above the floor has the same a_l 2^-2b / n_l.
  void the_closed_form_balances_the_layers() {
    const auto problem = memory_problem(4);
    const auto bits = closed_form_bits(problem.graph, problem.sensitivity, 4, 0.1);
    double total = 0, level = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const LinearLayer& layer = problem.graph.linears[i];
      total += bits[i] * double(layer.weights());
      const double here =
          problem.sensitivity.layers.at(layer.name) * distortion_bound(bits[i]) / double(layer.weights());
      if (level == 0) level = here;
      if (bits[i] > 0.1) QVERIFY(std::abs(here / level - 1) < 1e-6);
    }
    QVERIFY(std::abs(total / double(problem.graph.linear_weights()) - 4) < 1e-6);
  }

  void the_published_8b_tables_are_solved_to_a_proven_gap() {
    INTARSIA_NEED_SHARED("reference/llama-3.1-8b");
    const auto folder = test::shared_folder() / "reference/llama-3.1-8b";
    AllocationProblem problem;
    problem.config = parse_model_config(read_json_file(folder / "config.json"), "config.json");
    problem.graph = build_layer_graph(problem.config);
    problem.sensitivity = read_sensitivity(folder / "sensitivity.json");
    problem.latency = read_latency_table(folder / "latency-rtx4090.json");
    const Json published =
        read_json_file(test::shared_folder() / "reference/q-palette-distortion.json")["distortion"];
    for (const auto& [id, value] : published.items())
      problem.distortions[parse_quantizer_id(id)] = value.get<double>();
    problem.only = {QuantizerFamily::nuq, QuantizerFamily::vq, QuantizerFamily::tcq,
                    QuantizerFamily::half_tcq};
    Allocator allocator(problem);
    AllocationRequest request;
    request.gap = 1e-3;
    request.latency_seconds = 1 / 200.0;
    const Plan plan = allocator.solve(request, {});
    QVERIFY(plan.solver.proven && plan.solver.gap <= 1e-3);
    QVERIFY(*plan.predicted.latency_seconds <= 1 / 200.0 + 1e-9);
    QVERIFY(!plan.fusions.empty());
    qInfo("200 tok/s: loss %.5f, %.3f bits, %.0f ms", plan.solver.objective, plan.predicted.bits_per_weight,
          plan.solver.seconds * 1e3);
  }
};

QTEST_APPLESS_MAIN(TestAllocator)
#include "test_allocator.moc"

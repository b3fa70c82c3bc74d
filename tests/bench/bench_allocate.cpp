// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How fast a moved budget is answered: cold start, then warm re-solves as a dragged slider asks for them, the
// linear program alone and with the search for integers to a 1e-3 gap, as a ratio to what a drag allows.
//   bench_allocate FOLDER      (config.json, sensitivity.json and latency-rtx4090.json of Llama-3.1-8B)
// The 70B-shaped problem has 80 blocks, the 8B's sensitivities in turn and its times scaled by size.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <vector>

#include "core/allocation/allocator.h"
#include "core/base/json.h"
#include "core/base/random.h"

using namespace intarsia;

namespace {

AllocationProblem published(const std::filesystem::path& folder) {
  AllocationProblem problem;
  problem.config = parse_model_config(read_json_file(folder / "config.json"), "config.json");
  problem.graph = build_layer_graph(problem.config);
  problem.sensitivity = read_sensitivity(folder / "sensitivity.json");
  problem.latency = read_latency_table(folder / "latency-rtx4090.json");
  return problem;
}

// Llama-3.1-70B's shapes.
AllocationProblem larger(const AllocationProblem& small) {
  AllocationProblem problem = small;
  problem.config.blocks = 80;
  problem.config.hidden = 8192;
  problem.config.intermediate = 28672;
  problem.config.heads = 64;
  problem.graph = build_layer_graph(problem.config);
  problem.sensitivity.layers.clear();
  const auto& linears = small.graph.linears;
  for (std::size_t i = 0; i < problem.graph.linears.size(); ++i)
    problem.sensitivity.layers[problem.graph.linears[i].name] =
        small.sensitivity.layers.at(linears[i % linears.size()].name) * (i < linears.size() ? 1 : 0.7);
  // d_out of the 8B's groups and of the 70B's with the same members; d_in is twice as large.
  const std::map<std::size_t, std::size_t> widths{{1024, 1024},    // k, v
                                                  {2048, 2048},    // kv
                                                  {4096, 8192},    // q, o, down
                                                  {5120, 9216},    // qk, qv
                                                  {6144, 10240},   // qkv
                                                  {14336, 28672},  // gate, up
                                                  {28672, 57344}}; // gate and up
  std::vector<LatencyEntry> entries;
  for (const LatencyEntry& entry : small.latency->entries) {
    const auto width = widths.find(entry.d_out);
    if (width == widths.end()) continue;
    LatencyEntry scaled = entry;
    scaled.d_in *= 2;
    scaled.d_out = width->second;
    scaled.seconds *= 2 * double(scaled.d_out) / double(entry.d_out);
    entries.push_back(scaled);
  }
  problem.latency->entries = entries;
  return problem;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, std::size_t(q * double(values.size())))];
}

// A hand on a slider: small steps, now and then a jump.
std::vector<double> drag(double low, double high, std::size_t moves) {
  Random random(3);
  std::vector<double> path;
  double at = 0.5;
  for (std::size_t i = 0; i < moves; ++i) {
    at = i % 20 == 19 ? random.uniform() : std::clamp(at + 0.03 * double(random.normal()), 0.0, 1.0);
    path.push_back(low + at * (high - low));
  }
  return path;
}

void measure(const char* name, const AllocationProblem& problem, double allowed_ms,
             const std::function<AllocationRequest(double)>& request, std::pair<double, double> range) {
  double cold_ms = 0;
  std::vector<double> relaxation, whole;
  Allocator allocator(problem);
  for (const double budget : drag(range.first, range.second, 100)) {
    AllocationRequest moved = request(budget);
    moved.gap = 1e-3;
    const Plan plan = allocator.solve(moved, {});
    if (whole.empty() && cold_ms == 0) {
      cold_ms = plan.solver.seconds * 1e3;
      continue;
    }
    relaxation.push_back(plan.solver.relaxation_seconds * 1e3);
    whole.push_back(plan.solver.seconds * 1e3);
  }
  fmt::print("{:<24} {:>7.0f} {:>9.1f} {:>7.1f} {:>9.1f} {:>7.1f} {:>10.2f}\n", name, cold_ms,
             quantile(relaxation, 0.5), quantile(relaxation, 0.95), quantile(whole, 0.5),
             quantile(whole, 0.95), quantile(whole, 0.5) / allowed_ms);
  std::fflush(stdout);
}

AllocationRequest by_memory(double bits) {
  AllocationRequest request;
  request.memory = BitsPerWeight{bits};
  return request;
}

AllocationRequest by_latency(double seconds) {
  AllocationRequest request;
  request.latency_seconds = seconds;
  return request;
}

void measure_model(const char* name, const AllocationProblem& problem, double allowed_ms) {
  AllocationProblem memory_only = problem;
  memory_only.latency.reset();
  measure(fmt::format("{} memory", name).c_str(), memory_only, allowed_ms, by_memory, {2, 5});
  const auto range = *Allocator(problem).latency_range();
  const double low = range.low + 0.05 * (range.high - range.low);
  measure(fmt::format("{} latency", name).c_str(), problem, allowed_ms, by_latency, {low, range.high});
  measure(fmt::format("{} both", name).c_str(), problem, allowed_ms,
          [&](double seconds) {
            AllocationRequest request = by_latency(seconds);
            request.memory = BitsPerWeight{3.5};
            return request;
          },
          {low + 0.2 * (range.high - range.low), range.high});
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print(stderr, "usage: bench_allocate FOLDER\n"), 2;
  fmt::print("milliseconds            {:>8} {:>17} {:>17}\n", "cold", "LP median, p95", "MIP median, p95");
  const AllocationProblem eight = published(argv[1]);
  measure_model("8B", eight, 50);
  measure_model("70B-shaped", larger(eight), 200);
  fmt::print("(last column: median over what is allowed, 50 ms for 32 blocks and 200 ms for 80)\n");
  return 0;
}

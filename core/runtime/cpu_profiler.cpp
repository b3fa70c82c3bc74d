// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_profiler.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "core/device/device.h"
#include "core/device/device_profile.h"
#include "core/runtime/backend.h"
#include "core/runtime/cpu_linear.h"
#include "core/runtime/random_weights.h"
#include "core/runtime/sampler.h"

namespace intarsia {
namespace {

struct Timing {
  double median = 0, spread = 0; // seconds; half the distance of the quartiles
};

Timing time_of(std::size_t repeats, const std::function<void()>& run) {
  constexpr int warm_up = 2;
  for (int i = 0; i < warm_up; ++i) run();
  std::vector<double> seconds;
  for (std::size_t i = 0; i < std::max<std::size_t>(repeats, 1); ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  return {seconds[n / 2], (seconds[n * 3 / 4] - seconds[n / 4]) / 2};
}

// A decode step in the middle of the context, the token sampled too.
double decode_step(LanguageModel& model, const ProfileOptions& options, const JobControl& control) {
  const std::size_t capacity = std::min(options.context, model.config().max_positions);
  const auto sequence = model.new_sequence(capacity);
  const std::vector<int> prompt(std::max<std::size_t>(capacity / 2, 1), 0);
  sequence->forward(prompt, true, control.stop);
  Sampler sampler({});
  const int token = 0;
  return time_of(options.repeats,
                 [&] {
                   control.throw_if_stopped();
                   sequence->truncate(prompt.size() - 1);
                   sampler.sample(sequence->forward({&token, 1}, true, control.stop), prompt);
                 })
      .median;
}

} // namespace

LatencyTable profile_cpu(const ModelConfig& config, const LayerGraph& graph, const ProfileOptions& options,
                         const JobControl& control) {
  const Device device = find_device("cpu");
  LatencyTable table{device.name, "cpu", device.memory_total, config.name, 1, 0, {}, {}};
  const auto shapes = profile_shapes(graph, false);
  const double total = double(shapes.size() * palette().size()) + 1;
  std::map<LinearShape, double> fastest; // of the quantizer that the whole step is timed with
  const QuantizerId simplest = palette().front()->id();
  for (const LinearShape& shape : shapes)
    for (const Quantizer* member : palette()) {
      control.throw_if_stopped();
      control.report(to_string(member->id()), double(table.entries.size()), total);
      const CpuLinear linear(random_linear(member->id(), {shape.d_out, shape.d_in}, 1), {}, true);
      const std::vector<float> x(shape.d_in, 0.5f);
      std::vector<float> y(shape.d_out);
      LinearInput input(1, shape.d_in, CpuOptions().activation_terms);
      const Timing timing = time_of(options.repeats, [&] {
        input.set(x, 1, shape.d_in);
        linear.apply(input, y);
      });
      if (member->id() == simplest) fastest[shape] = timing.median;
      table.entries.push_back({shape.d_in, shape.d_out, member->id(), "cpu", timing.median, timing.spread});
    }
  control.report("a whole decode step", total - 1, total);
  const auto model =
      load_on_cpu(*random_weights(config, graph, simplest), CpuOptions::of_artifact(), control);
  double linears = 0;
  for (const LinearLayer& layer : graph.linears)
    linears += layer.read_share * fastest.at({layer.d_in, layer.d_out});
  table.constant_seconds = std::max(0.0, decode_step(*model, options, control) - linears);
  control.report("profile", total, total);
  return table;
}

} // namespace intarsia

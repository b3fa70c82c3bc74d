// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How soon is a plan as good as it gets? Measures a model's sensitivities progressively, as the studio does,
// and prints for the provisional profile and for each estimate the loss, by the last estimate, of the plan at
// RATE bits per weight, over that of the last estimate's own plan; the CPU seconds and the time it took; and
// which estimate the studio would have stopped at. Each estimate's sensitivities are written to FOLDER where
// one is given.
//   measure_estimates MODEL RATE [SAMPLES [LENGTH [FOLDER]]]
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <vector>

#include "core/artifact/open_model.h"
#include "core/base/atomic_file.h"
#include "core/base/json.h"
#include "core/palette/quantizer.h"
#include "core/runtime/cpu_model.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "core/sensitivity/sensitivity.h"
#include "tests/bench/plan_at_rate.h"

using namespace intarsia;

namespace {

// As in ui/session/plan_stability.
constexpr double close_enough = 1.01;
constexpr int times_in_a_row = 2;

struct Step {
  Sensitivity sensitivity;
  double cpu_seconds, seconds;
};

double loss_by(const Plan& plan, const Sensitivity& sensitivity) {
  double loss = 0;
  for (const auto& [name, layer] : plan.layers)
    loss += sensitivity.layers.at(name) * quantizer(layer.quantizer).distortion();
  return loss;
}

void write(const std::filesystem::path& folder, const Sensitivity& sensitivity) {
  if (!folder.empty())
    write_file_atomically(folder / fmt::format("sensitivity-{}.json", sensitivity.samples),
                          to_json(sensitivity).dump(2) + "\n");
}

} // namespace

int main(int count, char** arguments) try {
  if (count < 3) {
    fmt::print(stderr, "usage: measure_estimates MODEL RATE [SAMPLES [LENGTH [FOLDER]]]\n");
    return 2;
  }
  const OpenedModel model = open_model(arguments[1]);
  const double rate = std::atof(arguments[2]);
  SensitivityOptions options;
  if (count > 3) options.samples = std::size_t(std::atoi(arguments[3]));
  if (count > 4) options.sequence_length = std::size_t(std::atoi(arguments[4]));
  const std::filesystem::path folder = count > 5 ? arguments[5] : "";
  const auto running = load_on_cpu(model.weights(), cpu_options(model), {});
  std::vector<Step> steps{{provisional_sensitivity(model.config(), model.graph()), 0, 0}};
  const auto cpu = [] { return double(std::clock()) / CLOCKS_PER_SEC; };
  const double start = cpu();
  const Sensitivity last = estimate_sensitivity(
      *running, model.weights(), model.config().name, {}, options, {}, [&](const Sensitivity& so_far) {
        steps.push_back({so_far, cpu() - start, so_far.seconds});
        fmt::print(stderr, "{} texts, {:.0f} CPU seconds\n", so_far.samples, steps.back().cpu_seconds);
        return true;
      });
  const double best = loss_by(plan_at_rate(model, last, rate), last);
  std::optional<Plan> before;
  int still = 0;
  for (const Step& step : steps) {
    write(folder, step.sensitivity);
    const Plan plan = plan_at_rate(model, step.sensitivity, rate);
    const bool same = before && step.sensitivity.samples > 0 &&
                      loss_by(*before, step.sensitivity) <= close_enough * loss_by(plan, step.sensitivity);
    still = same ? still + 1 : 0;
    fmt::print("{:>5} texts: {:7.1f} CPU s, {:7.1f} s, loss over the last plan's {:.4f}{}\n",
               step.sensitivity.samples, step.cpu_seconds, step.seconds, loss_by(plan, last) / best,
               still == times_in_a_row ? "  (the studio stops here)" : "");
    before = plan;
  }
  fmt::print("with feedback factors: {:.1f} CPU s, {:.1f} s\n", cpu() - start, last.seconds);
  write(folder, last);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "measure_estimates: {}\n", error.what());
  return 1;
}

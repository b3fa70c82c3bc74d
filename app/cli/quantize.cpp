// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include "app/cli/place.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/allocation/budget.h"
#include "core/artifact/quantize_job.h"
#include "core/base/error.h"
#include "core/worker/messages.h"
#include "core/worker/worker_jobs.h"

namespace intarsia::cli {
namespace {

// What the options say of the job, wherever it is done.
WorkerQuantizeOptions settings_of(const Options& options, const OpenedModel& model) {
  WorkerQuantizeOptions settings;
  settings.resume = options.has("--resume");
  settings.seed = options.count_or("--seed", 0, INT64_MAX, settings.seed);
  settings.calibration_tokens =
      options.count_or("--calibration-tokens", 256, 1 << 30, settings.calibration_tokens);
  if (const auto text = options.text("--calibration"))
    settings.calibration = read_tokens(model, options.argument(), *text);
  return settings;
}

void quantize_here(const OpenedModel& model, const Plan& plan, const std::string& out,
                   const WorkerQuantizeOptions& settings) {
  QuantizeOptions options{settings.seed, nullptr, settings.resume, settings.on_layer};
  std::unique_ptr<LanguageModel> running;
  std::optional<Calibration> calibration;
  if (!settings.calibration.empty()) {
    running = load(model, make_control("loading"));
    CalibrationOptions chosen;
    chosen.tokens = settings.calibration_tokens;
    calibration.emplace(*running, settings.calibration, chosen);
    options.calibration = &*calibration;
  }
  quantize_model(*model.checkpoint, plan, out, options, make_control("quantizing"));
}

void run(const Options& options) {
  const std::string out = options.require("--output"), plan_file = options.require("--plan");
  const Place place = chosen_place(options);
  const OpenedModel model = open_model(options.argument());
  if (model.artifact)
    throw Error(ErrorKind::usage,
                "quantize: " + options.argument() + " is quantized already; name the original model");
  const Plan plan = read_plan(plan_file, model.graph());
  WorkerQuantizeOptions settings = settings_of(options, model);
  std::vector<LayerDone> layers;
  settings.on_layer = [&](const LayerDone& layer) { layers.push_back(layer); };
  try {
    if (place.worker)
      quantize_in_worker(*place.worker, place.device.id, model.checkpoint->path(), plan, out, settings,
                         make_control("quantizing"));
    else
      quantize_here(model, plan, out, settings);
  } catch (const Error& error) {
    const bool can_resume = error.kind() != ErrorKind::input; // that takes along what was done so far
    if (!can_resume || layers.empty()) throw;
    throw Error(error.kind(), fmt::format("{}; {} of {} layers are done, go on with --resume", error.what(),
                                          layers.size(), plan.layers.size()));
  }
  end_progress();
  const auto artifact = open_artifact(out);
  if (!options.json()) {
    fmt::print("{}: {} layers, {} of linears, {} on disk\n", out, layers.size(),
               format_bytes(artifact->linear_bytes()), format_bytes(artifact->file_bytes()));
    return;
  }
  OrderedJson list = OrderedJson::array();
  for (const LayerDone& layer : layers) list.push_back(to_json(layer));
  print_json({{"artifact", out},
              {"linear_bytes", artifact->linear_bytes()},
              {"file_bytes", artifact->file_bytes()},
              {"layers", list}});
}

} // namespace

Verb quantize_verb() {
  return {{"quantize",
           "MODEL",
           "makes the quantized model a plan describes",
           {{"--plan", "FILE", "plan.json from `intarsia allocate`"},
            {"--output", "OUT", "folder to make"},
            {"--resume", "", "go on with an interrupted run of the same plan"},
            {"--seed", "N", "seed of the rotations (default 1)"},
            {"--calibration", "FILE",
             "weigh errors by the activations of this text: better answers, takes longer"},
            {"--calibration-tokens", "N", "tokens of the text to use, spread over it (default 16384)"},
            device_option()}},
          run};
}

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/allocation/budget.h"
#include "core/artifact/quantize_job.h"
#include "core/base/error.h"

namespace intarsia::cli {
namespace {

void run(const Options& options) {
  const std::string out = options.require("--output"), plan_file = options.require("--plan");
  chosen_device(options);
  const OpenedModel model = open_model(options.argument());
  if (model.artifact)
    throw Error(ErrorKind::usage,
                "quantize: " + options.argument() + " is quantized already; name the original model");
  const Plan plan = read_plan(plan_file, model.graph());
  QuantizeOptions settings;
  settings.resume = options.has("--resume");
  settings.seed = options.count_or("--seed", 0, INT64_MAX, settings.seed);
  std::unique_ptr<LanguageModel> running;
  std::optional<Calibration> calibration;
  if (const auto text = options.text("--calibration")) {
    const auto tokens = read_tokens(model, options.argument(), *text);
    const JobControl loading = make_control("loading");
    running = load(model, loading);
    CalibrationOptions chosen;
    chosen.tokens = options.count_or("--calibration-tokens", 256, 1 << 30, chosen.tokens);
    calibration.emplace(*running, tokens, chosen);
    settings.calibration = &*calibration;
  }
  std::vector<LayerDone> layers;
  settings.on_layer = [&](const LayerDone& layer) { layers.push_back(layer); };
  try {
    quantize_model(*model.checkpoint, plan, out, settings, make_control("quantizing"));
  } catch (const Error& error) {
    const bool can_resume = error.kind() == ErrorKind::cancelled || error.kind() == ErrorKind::resource;
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
  for (const LayerDone& layer : layers) {
    OrderedJson entry{{"name", layer.name},
                      {"quantizer", to_string(layer.quantizer)},
                      {"distortion", layer.distortion},
                      {"seconds", layer.seconds},
                      {"resumed", layer.resumed}};
    if (layer.proxy_loss) entry["proxy_loss"] = *layer.proxy_loss;
    list.push_back(std::move(entry));
  }
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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <filesystem>
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/base/json.h"
#include "core/jobs/quantize.h"
#include "core/worker/messages.h"

namespace intarsia::cli {
namespace {

// What the options say of the job, wherever it is done.
QuantizeOptions settings_of(const Options& options, const OpenedModel& model) {
  QuantizeOptions settings;
  settings.resume = options.has("--resume");
  settings.seed = options.count_or("--seed", 0, INT64_MAX, settings.seed);
  const auto file = options.text("--calibration");
  if (options.has("--no-calibration")) {
    if (file)
      throw Error(ErrorKind::usage,
                  "quantize: --calibration and --no-calibration contradict each other; give one of them");
    return settings;
  }
  settings.calibration.emplace();
  settings.calibration->tokens =
      options.count_or("--calibration-tokens", 256, 1 << 30, settings.calibration->tokens);
  settings.calibration->seed = settings.seed;
  if (file) {
    settings.calibration->text = read_tokens(model, options.argument(), *file);
    settings.calibration->name = std::filesystem::path(*file).filename().string();
  }
  return settings;
}

std::string calibration_sentence(const Json& record) {
  if (record.at("text") == "none") return "without calibration";
  const auto tokens = record.at("tokens").get<std::size_t>();
  if (record.at("text") == "own")
    return fmt::format("calibrated on {} tokens of the model's own text", tokens);
  return fmt::format("calibrated on {} tokens of {}", tokens, record.value("file", "a text"));
}

void run(const Options& options) {
  const std::string out = options.require("--output"), plan_file = options.require("--plan");
  const ExecutionTarget target = chosen_target(options);
  const OpenedModel model = open_model(options.argument());
  if (model.artifact)
    throw Error(ErrorKind::usage,
                "quantize: " + options.argument() + " is quantized already; name the original model");
  const Plan plan = read_plan(plan_file, model.graph());
  QuantizeOptions settings = settings_of(options, model);
  std::vector<LayerDone> layers;
  settings.on_layer = [&](const LayerDone& layer) { layers.push_back(layer); };
  std::vector<std::string> notes;
  settings.on_note = [&](const std::string& note) { notes.push_back(note); };
  try {
    quantize(target, model, plan, out, settings, make_control("quantizing"));
  } catch (const Error& error) {
    const bool can_resume = error.kind() != ErrorKind::input; // that takes along what was done so far
    if (!can_resume || layers.empty()) throw;
    throw Error(error.kind(), fmt::format("{}; {} of {} layers are done, go on with --resume", error.what(),
                                          layers.size(), plan.layers.size()));
  }
  end_progress();
  for (const std::string& note : notes) fmt::print(stderr, "{}\n", note);
  const auto artifact = open_artifact(out);
  const Json manifest = read_json_file(std::filesystem::path(out) / "artifact.json");
  if (!options.json()) {
    fmt::print("{}: {} layers, {} of linears, {} on disk\n", out, layers.size(),
               format_bytes(artifact->linear_bytes()), format_bytes(artifact->file_bytes()));
    fmt::print("{}\n", calibration_sentence(manifest["calibration"]));
    return;
  }
  OrderedJson list = OrderedJson::array();
  for (const LayerDone& layer : layers) list.push_back(to_json(layer));
  print_json({{"artifact", out},
              {"linear_bytes", artifact->linear_bytes()},
              {"file_bytes", artifact->file_bytes()},
              {"calibration", manifest["calibration"]},
              {"layers", list}});
}

} // namespace

Verb quantize_verb() {
  return {
      {"quantize",
       "MODEL",
       "makes the quantized model a plan describes",
       {{"--plan", "FILE", "plan.json from `intarsia allocate`"},
        {"--output", "OUT", "folder to make"},
        {"--resume", "", "go on with an interrupted run of the same plan"},
        {"--seed", "N", "seed of the rotations (default 1)"},
        {"--calibration", "FILE", "calibrate on this text (default: on text that the model writes itself)"},
        {"--calibration-tokens", "N", "tokens to calibrate on (default 16384)"},
        {"--no-calibration", "", "quantize without a text: faster, but the answers are worse"},
        device_option()}},
      run};
}

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/atomic_file.h"
#include "core/jobs/measure_sensitivity.h"
#include "core/jobs/result_cache.h"

namespace intarsia::cli {

Verb sensitivity_verb() {
  VerbSpec spec{"sensitivity",
                "MODEL",
                "estimates how much each layer's distortion costs",
                {{"--text", "FILE", "measure on this text (default: on text the model makes itself)"},
                 {"--samples", "N", "test sequences; more take longer and scatter less (default 128)"},
                 {"--seed", "N", "seed of noise and text (default 1)"},
                 {"--output", "FILE", "where to write (default sensitivity.json)"},
                 device_option()}};
  return {
      spec, [](const Options& options) {
        const std::string out = options.text("--output").value_or("sensitivity.json");
        const ExecutionTarget target = chosen_target(options);
        const OpenedModel model = open_model(options.argument());
        const JobControl control = make_control("sensitivity");
        SensitivityOptions settings;
        settings.samples = options.count_or("--samples", 1, 10000, settings.samples);
        settings.seed = options.count_or("--seed", 0, INT64_MAX, settings.seed);
        std::vector<int> tokens;
        if (const auto text = options.text("--text")) tokens = read_tokens(model, options.argument(), *text);
        const Sensitivity result = measure_sensitivity(target, model, tokens, settings, control);
        end_progress();
        if (model.checkpoint) SensitivityCache(*model.checkpoint, tokens, settings).store(result);
        const OrderedJson json = to_json(result);
        write_file_atomically(out, json.dump(2) + "\n");
        if (options.json()) return print_json(json);
        const auto most = std::max_element(result.layers.begin(), result.layers.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        fmt::print("{}: sensitivities of {} layers in {:.0f} s; the most sensitive is {} with {:.3g} nats\n",
                   out, result.layers.size(), result.seconds, most->first, most->second);
      }};
}

} // namespace intarsia::cli

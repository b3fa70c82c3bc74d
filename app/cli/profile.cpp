// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include "app/cli/place.h"
#include "app/cli/verbs.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/device/latency_table.h"

namespace intarsia::cli {
namespace {

std::string model_path(const OpenedModel& model) {
  const auto path = model.artifact ? model.artifact->path() : model.checkpoint->path();
  return std::filesystem::absolute(path).string();
}

void run(const Options& options) {
  const std::string out = options.text("--output").value_or("latency.json");
  const Place place = chosen_place(options);
  const OpenedModel model = open_model(options.argument());
  if (place.device.kind != DeviceKind::cuda)
    throw Error(ErrorKind::unsupported, "latencies are measured on a GPU, and " + place.device.id +
                                            " is none: name one with --device cuda:0, or give `intarsia "
                                            "allocate` a table of another machine");
  const auto answer =
      place.worker->call({{"do", "profile"}, {"path", model_path(model)}, {"device", place.device.id}},
                         make_control("measuring"));
  end_progress();
  const Json table = JsonObject(answer.result, "the worker's answer")["table"];
  const LatencyTable read = parse_latency_table(table, "the worker's table");
  write_file_atomically(out, to_json(read).dump(1) + "\n");
  if (options.json()) return print_json(to_json(read));
  fmt::print("{}: {} latencies of {} on {}; the rest of a decode step takes {:.3f} ms\n", out,
             read.entries.size(), read.model, read.device_name, 1e3 * read.constant_seconds);
}

} // namespace

Verb profile_verb() {
  return {{"profile",
           "MODEL",
           "measures how long a model's linears take on a GPU, for `allocate --latency-table`",
           {{"--output", "FILE", "where the table goes (default latency.json)"}, device_option()}},
          run};
}

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/resources.h"
#include "core/device/device_profile.h"
#include "core/jobs/profile.h"

namespace intarsia::cli {
namespace {

VerbSpec spec() {
  return {"profile",
          "MODEL",
          "measures how long each linear of the model takes on this device",
          {{"--estimate", "DEVICE",
            "do not measure: guess for a device by its published bandwidth; a file, or a name (`--estimate "
            "list` shows them)"},
           {"--repeats", "N", "timed runs of each linear, the median counts (default 15)"},
           {"--context", "N", "tokens of context to time attention in the middle of (default 512)"},
           {"--output", "FILE", "where to write (default latency.json)"},
           device_option()}};
}

std::filesystem::path device_file(const std::string& name) {
  if (std::filesystem::exists(name)) return name;
  const auto folder = resource("device-profiles");
  const auto names = device_profile_names(folder);
  if (std::find(names.begin(), names.end(), name) != names.end()) return folder / (name + ".json");
  std::string known;
  for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
  throw Error(ErrorKind::usage, "profile: there is no device \"" + name + "\"; there is " + known);
}

LatencyTable measure(const Options& options, const OpenedModel& model, std::size_t context) {
  ProfileOptions settings;
  settings.context = context;
  settings.repeats = options.count_or("--repeats", 1, 10000, settings.repeats);
  auto table = measure_latency(chosen_target(options), model, settings, make_control("profile"));
  end_progress();
  return table;
}

void print_text(const LatencyTable& table, const std::string& out) {
  double widest = 0;
  for (const LatencyEntry& entry : table.entries) widest = std::max(widest, entry.spread / entry.seconds);
  fmt::print("{}: {} entries for {}, {:.3f} ms a token beside the linears\n", out, table.entries.size(),
             table.device_name, table.constant_seconds * 1e3);
  if (!table.estimated.empty())
    fmt::print("estimated, {}\n", table.estimated);
  else
    fmt::print("medians; the widest spread (half the quartiles' distance) is {:.1f} %\n", 100 * widest);
}

void run(const Options& options) {
  const std::string out = options.text("--output").value_or("latency.json");
  const auto device = options.text("--estimate");
  if (device && *device == "list") {
    for (const std::string& name : device_profile_names(resource("device-profiles")))
      fmt::print("{}\n", name);
    return;
  }
  const OpenedModel model = open_model(options.argument());
  const std::size_t context = options.count_or("--context", 1, model.config().max_positions,
                                               std::min<std::size_t>(512, model.config().max_positions));
  const LatencyTable table = device ? estimate_latency(read_device_profile(device_file(*device)),
                                                       model.config(), model.graph(), context)
                                    : measure(options, model, context);
  const OrderedJson json = to_json(table);
  write_file_atomically(out, json.dump(1) + "\n");
  if (options.json()) return print_json(json);
  print_text(table, out);
}

} // namespace

Verb profile_verb() { return {spec(), run}; }

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/error.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {
namespace {

std::map<std::string, double> parse_values(const JsonObject& layers) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : layers.json().items()) {
    values[name] = layers.number(name);
    if (values[name] < 0)
      throw input_error(layers.origin() + ": layer \"" + name + "\" has a negative sensitivity");
  }
  return values;
}

} // namespace

OrderedJson to_json(const Sensitivity& sensitivity) {
  OrderedJson json{{"format", "intarsia-sensitivity/1"}, {"model", sensitivity.model},
                   {"method", sensitivity.method},       {"samples", sensitivity.samples},
                   {"seed", sensitivity.seed},           {"layers", sensitivity.layers}};
  if (sensitivity.seconds > 0) json["seconds"] = sensitivity.seconds;
  if (!sensitivity.standard_errors.empty()) json["standard_errors"] = sensitivity.standard_errors;
  if (!sensitivity.feedback.empty()) json["feedback"] = sensitivity.feedback;
  if (sensitivity.calibrated) json["calibrated"] = true;
  return json;
}

Sensitivity parse_sensitivity(const Json& json, const std::string& origin) {
  const JsonObject root(json, origin);
  if (const std::string format = root.string("format"); format != "intarsia-sensitivity/1")
    throw input_error(origin + ": field \"format\" is \"" + format + "\", not \"intarsia-sensitivity/1\"");
  Sensitivity sensitivity;
  sensitivity.model = root.string_or("model", "");
  sensitivity.method = root.string_or("method", "");
  sensitivity.samples = root.count_or("samples", 0, INT64_MAX, 0);
  sensitivity.seed = root.count_or("seed", 0, INT64_MAX, 0);
  sensitivity.seconds = root.number_or("seconds", 0);
  sensitivity.layers = parse_values(root.object("layers"));
  if (root.has("standard_errors")) sensitivity.standard_errors = parse_values(root.object("standard_errors"));
  if (root.has("feedback")) sensitivity.feedback = parse_values(root.object("feedback"));
  sensitivity.calibrated = root.boolean_or("calibrated", false);
  return sensitivity;
}

Sensitivity read_sensitivity(const std::filesystem::path& path) {
  return parse_sensitivity(read_json_file(path), path.string());
}

} // namespace intarsia

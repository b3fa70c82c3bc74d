// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/plan.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/palette/quantizer.h"

namespace intarsia {
namespace {

constexpr std::uint64_t largest = INT64_MAX;

template <typename T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

std::optional<double> optional_number(const JsonObject& object, const std::string& field) {
  return object.has(field) ? std::optional(object.number(field)) : std::nullopt;
}

PlannedLayer parse_layer(const JsonObject& fields) {
  PlannedLayer layer;
  const std::string text = fields.string("quantizer");
  try {
    layer.quantizer = quantizer(parse_quantizer_id(text)).id();
  } catch (const Error& error) { // an unknown id is the file's fault here, not the command line's
    throw input_error(fields.origin() + ": field \"quantizer\": " + error.what());
  }
  layer.kernel = fields.string_or("kernel", "cpu");
  return layer;
}

void parse_layers(const JsonObject& layers, const LayerGraph& graph, Plan& plan) {
  for (const auto& [name, value] : layers.json().items()) {
    if (!graph.find(name))
      throw input_error(layers.origin() + ": the model has no layer \"" + name +
                        "\"; this plan is another model's");
    plan.layers[name] = parse_layer(JsonObject(value, layers.origin() + ": " + name));
  }
  for (const LinearLayer& linear : graph.linears)
    if (!plan.layers.contains(linear.name))
      throw input_error(layers.origin() + ": layer \"" + linear.name + "\" is missing");
}

void parse_fusions(const JsonObject& root, Plan& plan) {
  if (!root.has("fusions")) return;
  const Json& fusions = root["fusions"];
  const std::string where = root.origin() + ": field \"fusions\"";
  if (!fusions.is_array()) throw input_error(where + " is not a list");
  for (const Json& group : fusions) {
    if (!group.is_array()) throw input_error(where + " holds something that is not a list of layers");
    std::vector<std::string> members;
    for (const Json& member : group) {
      if (!member.is_string() || !plan.layers.contains(member.get<std::string>()))
        throw input_error(where + " names an unknown layer");
      members.push_back(member.get<std::string>());
    }
    plan.fusions.push_back(std::move(members));
  }
}

} // namespace

QuantizerId Plan::quantizer_of(const LinearLayer& layer) const {
  const auto found = layers.find(layer.name);
  return found != layers.end() ? found->second.quantizer : QuantizerId{};
}

OrderedJson to_json(const Plan& plan) {
  OrderedJson budgets{{"memory_bytes", or_null(plan.budgets.memory_bytes)},
                      {"latency_seconds", or_null(plan.budgets.latency_seconds)},
                      {"context", plan.budgets.context}};
  if (plan.budgets.kv_cache != KvPrecision::f16) budgets["kv_cache"] = to_string(plan.budgets.kv_cache);
  OrderedJson layers = OrderedJson::object();
  for (const auto& [name, layer] : plan.layers)
    layers[name] = {{"quantizer", to_string(layer.quantizer)}, {"kernel", layer.kernel}};
  return {{"format", "intarsia-plan/1"},
          {"model", plan.model},
          {"layers", layers},
          {"fusions", plan.fusions},
          {"budgets", std::move(budgets)},
          {"predicted",
           {{"loss", plan.predicted.loss},
            {"calibrated", plan.predicted.calibrated},
            {"bits_per_weight", plan.predicted.bits_per_weight},
            {"linear_bytes", plan.predicted.linear_bytes},
            {"memory_bytes", plan.predicted.memory_bytes},
            {"latency_seconds", or_null(plan.predicted.latency_seconds)},
            {"latency_estimated", plan.predicted.latency_estimated}}},
          {"solver",
           {{"name", plan.solver.name},
            {"seconds", plan.solver.seconds},
            {"objective", plan.solver.objective},
            {"bound", plan.solver.bound},
            {"gap", plan.solver.gap},
            {"proven", plan.solver.proven}}},
          {"shadow_prices",
           {{"loss_per_mebibyte", or_null(plan.shadow_prices.loss_per_mebibyte)},
            {"loss_per_millisecond", or_null(plan.shadow_prices.loss_per_millisecond)}}}};
}

Plan parse_plan(const Json& json, const LayerGraph& graph, const std::string& origin) {
  const JsonObject root(json, origin);
  if (const std::string format = root.string("format"); format != "intarsia-plan/1")
    throw input_error(origin + ": field \"format\" is \"" + format + "\", not \"intarsia-plan/1\"");
  Plan plan;
  plan.model = root.string_or("model", "");
  parse_layers(root.object("layers"), graph, plan);
  parse_fusions(root, plan);
  if (root.has("budgets")) {
    const JsonObject budgets = root.object("budgets");
    if (budgets.has("memory_bytes")) plan.budgets.memory_bytes = budgets.count("memory_bytes", 0, largest);
    plan.budgets.latency_seconds = optional_number(budgets, "latency_seconds");
    plan.budgets.context = budgets.count_or("context", 0, largest, 0);
    if (budgets.has("kv_cache")) plan.budgets.kv_cache = parse_kv_precision(budgets.string("kv_cache"));
  }
  if (root.has("predicted")) {
    const JsonObject predicted = root.object("predicted");
    plan.predicted = {predicted.number_or("loss", 0),
                      predicted.boolean_or("calibrated", false),
                      predicted.number_or("bits_per_weight", 0),
                      predicted.count_or("linear_bytes", 0, largest, 0),
                      predicted.count_or("memory_bytes", 0, largest, 0),
                      optional_number(predicted, "latency_seconds"),
                      predicted.boolean_or("latency_estimated", false)};
  }
  if (root.has("solver")) {
    const JsonObject solver = root.object("solver");
    plan.solver = {
        solver.string_or("name", ""),      solver.number_or("seconds", 0), 0,
        solver.number_or("objective", 0),  solver.number_or("bound", 0),   solver.number_or("gap", 0),
        solver.boolean_or("proven", false)};
  }
  if (root.has("shadow_prices")) {
    const JsonObject prices = root.object("shadow_prices");
    plan.shadow_prices = {optional_number(prices, "loss_per_mebibyte"),
                          optional_number(prices, "loss_per_millisecond")};
  }
  return plan;
}

Plan read_plan(const std::filesystem::path& path, const LayerGraph& graph) {
  return parse_plan(read_json_file(path), graph, path.string());
}

} // namespace intarsia

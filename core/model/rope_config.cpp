// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/rope_config.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/model/config_bounds.h"

namespace intarsia {
namespace {

void check_positive(const JsonObject& rope, const char* field, double value) {
  if (!(value > 0)) throw input_error(rope.origin() + ": field \"" + field + "\" must be larger than 0");
}

std::size_t original_positions(const JsonObject& config, const JsonObject& rope, const ModelConfig& model) {
  const char* field = "original_max_position_embeddings"; // Phi-3 has it beside the scaling, others inside
  if (rope.has(field)) return rope.count(field, 1, max_context);
  return config.count_or(field, 1, max_context, model.max_positions);
}

void read_llama3(const JsonObject& config, const JsonObject& rope, const ModelConfig& model,
                 RopeScaling& scaling) {
  scaling.factor = rope.number("factor");
  scaling.low_frequency_factor = rope.number("low_freq_factor");
  scaling.high_frequency_factor = rope.number("high_freq_factor");
  scaling.original_positions = original_positions(config, rope, model);
  if (scaling.low_frequency_factor <= 0 || scaling.high_frequency_factor <= scaling.low_frequency_factor)
    throw input_error(rope.origin() + ": field \"high_freq_factor\" must be larger than \"low_freq_factor\"");
}

// YaRN, arXiv 2309.00071, section 3.4, in transformers' reading: a model that states mscale twice divides.
double yarn_magnitude(const JsonObject& rope, double factor) {
  if (rope.has("attention_factor")) return rope.number("attention_factor");
  const auto scale = [&](double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; };
  const double above = rope.number_or("mscale", 0), below = rope.number_or("mscale_all_dim", 0);
  return above != 0 && below != 0 ? scale(above) / scale(below) : scale(1);
}

void read_yarn(const JsonObject& config, const JsonObject& rope, const ModelConfig& model,
               RopeScaling& scaling) {
  scaling.original_positions = original_positions(config, rope, model);
  if (!rope.has("factor") && scaling.original_positions == model.max_positions)
    throw input_error(rope.origin() + ": RoPE scaling \"yarn\" needs a field \"factor\"");
  scaling.factor = rope.number_or("factor", double(model.max_positions) / double(scaling.original_positions));
  scaling.beta_fast = rope.number_or("beta_fast", 32);
  scaling.beta_slow = rope.number_or("beta_slow", 1);
  scaling.whole_dimensions = rope.boolean_or("truncate", true);
  check_positive(rope, "factor", scaling.factor);
  check_positive(rope, "beta_slow", scaling.beta_slow);
  check_positive(rope, "beta_fast", scaling.beta_fast);
  scaling.magnitude = yarn_magnitude(rope, scaling.factor);
}

std::vector<float> read_factors(const JsonObject& rope, const std::string& field, std::size_t count) {
  const Json& values = rope[field];
  if (!values.is_array() || values.size() != count)
    throw input_error(rope.origin() + ": field \"" + field + "\" is not a list of " + std::to_string(count) +
                      " numbers, half of what is rotated of a head");
  std::vector<float> factors;
  for (const Json& value : values) {
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > 1e30)
      throw input_error(rope.origin() + ": field \"" + field + "\" holds a value that is not a number > 0");
    factors.push_back(value.get<float>());
  }
  return factors;
}

// LongRoPE, arXiv 2402.13753, as Phi-3's authors apply it.
void read_longrope(const JsonObject& config, const JsonObject& rope, const ModelConfig& model,
                   RopeScaling& scaling) {
  scaling.short_factors = read_factors(rope, "short_factor", model.rotated() / 2);
  scaling.long_factors = read_factors(rope, "long_factor", model.rotated() / 2);
  scaling.original_positions = original_positions(config, rope, model);
  const double ratio = double(model.max_positions) / double(scaling.original_positions);
  scaling.factor = config.has("original_max_position_embeddings") ? ratio : rope.number_or("factor", ratio);
  check_positive(rope, "factor", scaling.factor);
  const double usual = scaling.factor <= 1
                           ? 1
                           : std::sqrt(1 + std::log(scaling.factor) / std::log(scaling.original_positions));
  scaling.magnitude = rope.number_or("attention_factor", usual);
}

void read_scaling(const JsonObject& config, const JsonObject& rope, ModelConfig& model) {
  RopeScaling& scaling = model.rope_scaling;
  const std::string kind = rope.string_or("rope_type", rope.string_or("type", "default"));
  if (kind == "linear") {
    scaling.kind = RopeScalingKind::linear;
    scaling.factor = rope.number("factor");
  } else if (kind == "dynamic") {
    scaling.kind = RopeScalingKind::dynamic;
    scaling.factor = rope.number("factor");
    scaling.original_positions = model.max_positions; // the context that is stretched is the one stated
    const double stretched = std::ceil(scaling.factor * double(model.max_positions));
    if (scaling.factor > 1) model.max_positions = std::size_t(std::min(stretched, double(max_context)));
  } else if (kind == "llama3") {
    scaling.kind = RopeScalingKind::llama3;
    read_llama3(config, rope, model, scaling);
  } else if (kind == "yarn") {
    scaling.kind = RopeScalingKind::yarn;
    read_yarn(config, rope, model, scaling);
  } else if (kind == "longrope" || kind == "su") { // Phi-3's first name for it
    scaling.kind = RopeScalingKind::longrope;
    read_longrope(config, rope, model, scaling);
  } else if (kind != "default") {
    throw Error(ErrorKind::unsupported,
                rope.origin() + ": RoPE scaling \"" + kind +
                    "\" is not known here; default, linear, dynamic, llama3, yarn and longrope are");
  }
  check_positive(rope, "factor", scaling.factor);
  check_positive(rope, "attention_factor", scaling.magnitude);
}

double local_theta(const JsonObject& rope, double fallback) {
  if (const std::string kind = rope.string_or("rope_type", "default"); kind != "default")
    throw Error(ErrorKind::unsupported,
                rope.origin() + ": RoPE scaling \"" + kind + "\" is not supported in windowed layers");
  return rope.number_or("rope_theta", fallback);
}

} // namespace

void read_rope(const JsonObject& config, ModelConfig& model) {
  model.rope_theta = config.number_or("rope_theta", 10000);
  // transformers lets the older field win: people add it to a config to stretch the context.
  const bool older = config.has("rope_scaling") && !config["rope_scaling"].empty();
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    if (!config.has(field)) continue;
    JsonObject rope = config.object(field);
    if (rope.has("full_attention")) { // transformers 5, where windowed blocks have a base of their own
      if (rope.has("sliding_attention"))
        model.local_rope_theta = local_theta(rope.object("sliding_attention"), model.local_rope_theta);
      rope = rope.object("full_attention");
    }
    model.rope_theta = rope.number_or("rope_theta", model.rope_theta);
    if (older == (field == std::string_view("rope_scaling"))) read_scaling(config, rope, model);
  }
  check_positive(config, "rope_theta", model.rope_theta);
}

void write_rope(const ModelConfig& model, OrderedJson& json) {
  json["rope_theta"] = model.rope_theta;
  const RopeScaling& scaling = model.rope_scaling;
  switch (scaling.kind) {
  case RopeScalingKind::none:
    return;
  case RopeScalingKind::linear:
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", scaling.factor}};
    return;
  case RopeScalingKind::dynamic:
    json["max_position_embeddings"] = scaling.original_positions;
    json["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", scaling.factor}};
    return;
  case RopeScalingKind::llama3:
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", scaling.factor},
                            {"low_freq_factor", scaling.low_frequency_factor},
                            {"high_freq_factor", scaling.high_frequency_factor},
                            {"original_max_position_embeddings", scaling.original_positions}};
    return;
  case RopeScalingKind::yarn:
    json["rope_scaling"] = {{"rope_type", "yarn"},
                            {"factor", scaling.factor},
                            {"original_max_position_embeddings", scaling.original_positions},
                            {"attention_factor", scaling.magnitude},
                            {"beta_fast", scaling.beta_fast},
                            {"beta_slow", scaling.beta_slow},
                            {"truncate", scaling.whole_dimensions}};
    return;
  case RopeScalingKind::longrope:
    json["rope_scaling"] = {{"rope_type", "longrope"},
                            {"factor", scaling.factor},
                            {"original_max_position_embeddings", scaling.original_positions},
                            {"attention_factor", scaling.magnitude},
                            {"short_factor", scaling.short_factors},
                            {"long_factor", scaling.long_factors}};
    return;
  }
}

} // namespace intarsia

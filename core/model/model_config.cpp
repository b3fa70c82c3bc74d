// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/model_config.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"

namespace intarsia {
namespace {

// Bounds no known model comes near; they keep products of sizes far from 2^64.
constexpr std::uint64_t largest_dimension = 1u << 20, most_blocks = 4096, most_heads = 4096,
                        largest_vocabulary = 1u << 24, most_positions = 1u << 28;

constexpr std::array<const char*, 3> known_architectures{"llama", "mistral", "qwen2"};

std::string read_architecture(const JsonObject& config) {
  const std::string type = config.string("model_type");
  if (std::find(known_architectures.begin(), known_architectures.end(), type) == known_architectures.end())
    throw Error(ErrorKind::unsupported,
                config.origin() + ": field \"model_type\" is \"" + type +
                    "\", an architecture this program does not know; it knows llama, mistral and qwen2");
  return type;
}

void read_rope(const JsonObject& config, ModelConfig& model) {
  // transformers 5 moved rope_theta and rope_scaling into rope_parameters.
  const bool newer = config.has("rope_parameters");
  const std::string field = newer ? "rope_parameters" : "rope_scaling";
  model.rope_theta = config.number_or("rope_theta", 10000);
  if (config.has(field)) {
    const JsonObject rope = config.object(field);
    model.rope_theta = rope.number_or("rope_theta", model.rope_theta);
    const std::string kind = rope.string_or("rope_type", rope.string_or("type", "default"));
    if (kind == "linear") {
      model.rope_scaling.kind = RopeScalingKind::linear;
      model.rope_scaling.factor = rope.number("factor");
    } else if (kind == "llama3") {
      model.rope_scaling = {RopeScalingKind::llama3, rope.number("factor"), rope.number("low_freq_factor"),
                            rope.number("high_freq_factor"),
                            rope.count("original_max_position_embeddings", 1, most_positions)};
      if (model.rope_scaling.low_frequency_factor <= 0 ||
          model.rope_scaling.high_frequency_factor <= model.rope_scaling.low_frequency_factor)
        throw input_error(rope.origin() +
                          ": field \"high_freq_factor\" must be larger than \"low_freq_factor\"");
    } else if (kind != "default") {
      throw Error(ErrorKind::unsupported, rope.origin() + ": RoPE scaling \"" + kind +
                                              "\" is not known here; default, linear and llama3 are");
    }
    if (model.rope_scaling.factor <= 0)
      throw input_error(rope.origin() + ": field \"factor\" must be larger than 0");
  }
  if (model.rope_theta <= 0)
    throw input_error(config.origin() + ": field \"rope_theta\" must be larger than 0");
}

// Our own field: what a GGUF's rope_freqs.weight said, kept when such a model is quantized.
void read_rope_divisors(const JsonObject& config, ModelConfig& model) {
  const std::string field = "intarsia_rope_divisors";
  if (!config.has(field)) return;
  const Json& values = config[field];
  if (!values.is_array() || values.size() != model.head_dim / 2)
    throw input_error(config.origin() + ": field \"" + field + "\" is no list of half a head's numbers");
  for (const Json& value : values) {
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > 1e30)
      throw input_error(config.origin() + ": field \"" + field + "\" holds something that is no number > 0");
    model.rope_divisors.push_back(value.get<float>());
  }
}

void read_biases(const JsonObject& config, ModelConfig& model) {
  model.attention_bias = config.boolean_or("attention_bias", false);
  model.mlp_bias = config.boolean_or("mlp_bias", false);
  model.qkv_bias = config.boolean_or("qkv_bias", model.architecture == "qwen2");
}

void read_special_tokens(const JsonObject& config, ModelConfig& model) {
  if (config.has("bos_token_id") && config["bos_token_id"].is_number_integer())
    model.bos_token = int(config.count("bos_token_id", 0, largest_vocabulary));
  if (!config.has("eos_token_id")) return;
  const Json& eos = config["eos_token_id"];
  if (!eos.is_array()) {
    model.eos_tokens.push_back(int(config.count("eos_token_id", 0, largest_vocabulary)));
    return;
  }
  for (const Json& id : eos) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::uint64_t>() > largest_vocabulary)
      throw input_error(config.origin() + ": field \"eos_token_id\" holds something that is no token id");
    model.eos_tokens.push_back(id.get<int>());
  }
}

void refuse_sliding_window(const JsonObject& config, const ModelConfig& model) {
  if (!config.has("sliding_window") ||
      !config.boolean_or("use_sliding_window", model.architecture == "mistral"))
    return;
  if (config.count("sliding_window", 1, most_positions) < model.max_positions)
    throw Error(ErrorKind::unsupported,
                config.origin() +
                    ": field \"sliding_window\" is shorter than the context; sliding-window attention "
                    "is not supported yet");
}

} // namespace

ModelConfig parse_model_config(const Json& json, const std::string& origin) {
  const JsonObject config(json, origin);
  ModelConfig model;
  model.architecture = read_architecture(config);
  model.name = config.string_or("_name_or_path", "");
  model.hidden = config.count("hidden_size", 1, largest_dimension);
  model.intermediate = config.count("intermediate_size", 1, largest_dimension);
  model.blocks = config.count("num_hidden_layers", 1, most_blocks);
  model.heads = config.count("num_attention_heads", 1, most_heads);
  model.kv_heads = config.count_or("num_key_value_heads", 1, most_heads, model.heads);
  if (!config.has("head_dim") && model.hidden % model.heads != 0)
    throw input_error(origin + ": field \"hidden_size\" is no multiple of \"num_attention_heads\"");
  model.head_dim =
      config.count_or("head_dim", 2, 4096, std::max<std::uint64_t>(model.hidden / model.heads, 1));
  model.vocabulary = config.count("vocab_size", 1, largest_vocabulary);
  model.max_positions = config.count_or("max_position_embeddings", 1, most_positions, 2048);
  model.rms_epsilon = config.number_or("rms_norm_eps", 1e-6);
  model.tied_embeddings = config.boolean_or("tie_word_embeddings", false);
  if (model.heads % model.kv_heads != 0)
    throw input_error(origin + ": field \"num_attention_heads\" is no multiple of \"num_key_value_heads\"");
  if (model.head_dim % 2 != 0) throw input_error(origin + ": field \"head_dim\" must be even");
  if (model.attention_dim() > largest_dimension)
    throw input_error(origin +
                      ": fields \"head_dim\" and \"num_attention_heads\" give an attention that is too wide");
  if (model.rms_epsilon < 0) throw input_error(origin + ": field \"rms_norm_eps\" must not be negative");
  const std::string activation = config.string_or("hidden_act", "silu");
  if (activation != "silu")
    throw Error(ErrorKind::unsupported,
                origin + ": field \"hidden_act\" is \"" + activation + "\"; only silu is supported");
  read_rope(config, model);
  read_rope_divisors(config, model);
  read_biases(config, model);
  read_special_tokens(config, model);
  refuse_sliding_window(config, model);
  return model;
}

OrderedJson to_json(const ModelConfig& config) {
  OrderedJson json;
  json["architectures"] = {config.architecture == "qwen2"     ? "Qwen2ForCausalLM"
                           : config.architecture == "mistral" ? "MistralForCausalLM"
                                                              : "LlamaForCausalLM"};
  json["model_type"] = config.architecture;
  if (!config.name.empty()) json["_name_or_path"] = config.name;
  json["hidden_size"] = config.hidden;
  json["intermediate_size"] = config.intermediate;
  json["num_hidden_layers"] = config.blocks;
  json["num_attention_heads"] = config.heads;
  json["num_key_value_heads"] = config.kv_heads;
  json["head_dim"] = config.head_dim;
  json["vocab_size"] = config.vocabulary;
  json["max_position_embeddings"] = config.max_positions;
  json["rms_norm_eps"] = config.rms_epsilon;
  json["rope_theta"] = config.rope_theta;
  if (config.rope_scaling.kind == RopeScalingKind::linear)
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", config.rope_scaling.factor}};
  if (config.rope_scaling.kind == RopeScalingKind::llama3)
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", config.rope_scaling.factor},
                            {"low_freq_factor", config.rope_scaling.low_frequency_factor},
                            {"high_freq_factor", config.rope_scaling.high_frequency_factor},
                            {"original_max_position_embeddings", config.rope_scaling.original_positions}};
  if (!config.rope_divisors.empty()) json["intarsia_rope_divisors"] = config.rope_divisors;
  json["hidden_act"] = "silu";
  json["tie_word_embeddings"] = config.tied_embeddings;
  json["attention_bias"] = config.attention_bias;
  json["mlp_bias"] = config.mlp_bias;
  if (config.qkv_bias != (config.architecture == "qwen2")) json["qkv_bias"] = config.qkv_bias;
  if (config.bos_token >= 0) json["bos_token_id"] = config.bos_token;
  if (config.eos_tokens.size() == 1) json["eos_token_id"] = config.eos_tokens[0];
  if (config.eos_tokens.size() > 1) json["eos_token_id"] = config.eos_tokens;
  return json;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/model_config.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/model/architectures/architecture.h"
#include "core/model/config_bounds.h"
#include "core/model/config_features.h"
#include "core/model/rope_config.h"

namespace intarsia {
namespace {

const Architecture& architecture_of(const JsonObject& config) {
  const std::string type = config.string("model_type");
  if (const Architecture* architecture = find_architecture(type)) return *architecture;
  throw Error(ErrorKind::unsupported, config.origin() + ": field \"model_type\" is \"" + type +
                                          "\", an architecture this program does not know; it knows " +
                                          known_model_types());
}

// The text model's fields of a model that sees or hears as well; what stands outside of "text_config" holds
// for it too where that says nothing.
Json text_part(const Json& config) {
  const auto text = config.find("text_config");
  if (text == config.end() || !text->is_object()) return config;
  Json merged = *text;
  for (const auto& [field, value] : config.items())
    if (!value.is_object() && !merged.contains(field)) merged[field] = value;
  return merged;
}

void fill_defaults(Json& config, const Architecture& architecture) {
  const Json defaults = Json::parse(architecture.defaults);
  for (const auto& [field, value] : defaults.items())
    if (!config.contains(field)) config[field] = value; // an explicit null means that there is none
}

void read_shape(const JsonObject& config, ModelConfig& model) {
  const std::string& origin = config.origin();
  model.hidden = config.count("hidden_size", 1, max_dimension);
  model.intermediate = config.count("intermediate_size", 1, max_dimension);
  model.blocks = config.count("num_hidden_layers", 1, max_blocks);
  model.heads = config.count("num_attention_heads", 1, max_heads);
  model.kv_heads = config.count_or("num_key_value_heads", 1, max_heads, model.heads);
  if (!config.has("head_dim") && model.hidden % model.heads != 0)
    throw input_error(origin + ": field \"hidden_size\" is not a multiple of \"num_attention_heads\"");
  model.head_dim =
      config.count_or("head_dim", 2, 4096, std::max<std::uint64_t>(model.hidden / model.heads, 1));
  model.vocabulary = config.count("vocab_size", 1, largest_vocabulary);
  // Some configs state a number that stands for "no limit".
  model.max_positions = std::min(config.count_or("max_position_embeddings", 1, INT64_MAX, 2048), max_context);
  if (model.heads % model.kv_heads != 0)
    throw input_error(origin +
                      ": field \"num_attention_heads\" is not a multiple of \"num_key_value_heads\"");
  if (model.head_dim % 2 != 0) throw input_error(origin + ": field \"head_dim\" must be even");
  if (model.attention_dim() > max_dimension)
    throw input_error(origin +
                      ": fields \"head_dim\" and \"num_attention_heads\" give an attention that is too wide");
}

void read_activation(const JsonObject& config, const Architecture& architecture, ModelConfig& model) {
  const char* own = "hidden_activation"; // Gemma's
  const std::string field = reads_field(architecture, own) && config.has(own) ? own : "hidden_act";
  const std::string activation = config.string_or(field, "silu");
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new")
    model.activation = Activation::gelu_tanh;
  else if (activation != "silu" && activation != "swish")
    throw Error(ErrorKind::unsupported, config.origin() + ": field \"" + field + "\" is \"" + activation +
                                            "\"; silu and gelu_pytorch_tanh are supported");
}

// Our own field: what a GGUF's rope_freqs.weight said, kept when such a model is quantized.
void read_rope_divisors(const JsonObject& config, ModelConfig& model) {
  const std::string field = "intarsia_rope_divisors";
  if (!config.has(field)) return;
  const Json& values = config[field];
  if (!values.is_array() || values.size() != model.rotated() / 2)
    throw input_error(config.origin() + ": field \"" + field + "\" is not a list of half a head's numbers");
  for (const Json& value : values) {
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > 1e30)
      throw input_error(config.origin() + ": field \"" + field +
                        "\" holds something that is not a number > 0");
    model.rope_divisors.push_back(value.get<float>());
  }
}

void read_biases(const JsonObject& config, ModelConfig& model) {
  model.attention_bias = config.boolean_or("attention_bias", false);
  model.mlp_bias = config.boolean_or("mlp_bias", false);
  model.qkv_bias = config.boolean_or("qkv_bias", false);
}

void read_rotary_dim(const JsonObject& config, ModelConfig& model) {
  const char* field =
      "partial_rotary_factor"; // transformers 5 has it among the rotary embedding's parameters
  const bool inside = config.has("rope_parameters") && config.object("rope_parameters").has(field);
  const double part = inside ? config.object("rope_parameters").number(field) : config.number_or(field, 1);
  if (part == 1) return;
  if (!(part > 0 && part < 1))
    throw input_error(config.origin() + ": field \"partial_rotary_factor\" does not lie between 0 and 1");
  model.rotary_dim = std::size_t(part * double(model.head_dim) + 1e-6);
  if (model.rotary_dim < 2 || model.rotary_dim % 2 != 0)
    throw input_error(config.origin() + ": field \"partial_rotary_factor\" rotates " +
                      std::to_string(model.rotary_dim) +
                      " dimensions of a head, which is not an even number");
}

// Files name ids that no token has, -1 or one beyond the vocabulary: those never occur and are left out.
std::optional<int> token_id(const Json& id, const ModelConfig& model) {
  if (!id.is_number_integer() || (!id.is_number_unsigned() && id.get<std::int64_t>() < 0))
    return std::nullopt;
  const auto value = id.get<std::uint64_t>();
  return value < model.vocabulary ? std::optional(int(value)) : std::nullopt;
}

void read_special_tokens(const JsonObject& config, ModelConfig& model) {
  if (config.has("bos_token_id")) model.bos_token = token_id(config["bos_token_id"], model).value_or(-1);
  if (!config.has("eos_token_id")) return;
  const Json& eos = config["eos_token_id"];
  for (const Json& id : eos.is_array() ? eos : Json::array({eos})) {
    if (!id.is_number_integer())
      throw input_error(config.origin() + ": field \"eos_token_id\" holds something that is not a token id");
    if (const auto token = token_id(id, model)) model.eos_tokens.push_back(*token);
  }
}

// A null too: it stands where the family's default does not hold (Mistral without a window).
void keep_family_fields(const Json& fields, const Architecture& architecture, ModelConfig& model) {
  for (const std::string_view name : architecture.fields)
    if (const auto field = fields.find(std::string(name)); field != fields.end())
      model.family_fields[std::string(name)] = *field;
}

} // namespace

double ModelConfig::score_scale() const {
  return attention_scale > 0 ? attention_scale : 1 / std::sqrt(double(head_dim));
}

ModelConfig parse_model_config(const Json& json, const std::string& origin) {
  const Architecture& architecture = architecture_of(JsonObject(json, origin));
  Json fields = text_part(json);
  fill_defaults(fields, architecture);
  const JsonObject config(fields, origin);
  refuse_unread_features(config, architecture);
  ModelConfig model;
  model.architecture = architecture.model_types[0];
  model.name = config.string_or("_name_or_path", "");
  read_shape(config, model);
  model.rms_epsilon = config.number_or("rms_norm_eps", 1e-6);
  if (model.rms_epsilon < 0) throw input_error(origin + ": field \"rms_norm_eps\" must not be negative");
  model.tied_embeddings = config.boolean_or("tie_word_embeddings", false);
  read_activation(config, architecture, model);
  read_rotary_dim(config, model);
  read_rope(config, model);
  read_rope_divisors(config, model);
  read_biases(config, model);
  read_special_tokens(config, model);
  if (architecture.read) architecture.read(config, model);
  keep_family_fields(fields, architecture, model);
  return model;
}

OrderedJson to_json(const ModelConfig& config) {
  OrderedJson json;
  const Architecture* architecture = find_architecture(config.architecture);
  if (architecture) json["architectures"] = {architecture->class_name};
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
  write_rope(config, json);
  if (!config.rope_divisors.empty()) json["intarsia_rope_divisors"] = config.rope_divisors;
  json["hidden_act"] = config.activation == Activation::silu ? "silu" : "gelu_pytorch_tanh";
  json["tie_word_embeddings"] = config.tied_embeddings;
  json["attention_bias"] = config.attention_bias;
  json["mlp_bias"] = config.mlp_bias;
  json["qkv_bias"] = config.qkv_bias;
  if (config.rotary_dim > 0)
    json["partial_rotary_factor"] = double(config.rotary_dim) / double(config.head_dim);
  if (std::ranges::any_of(config.attention, [](const auto& block) { return block.rope == RopeUse::local; }))
    json["rope_local_base_freq"] = config.local_rope_theta;
  for (const auto& [field, value] : config.family_fields.items()) json[field] = value;
  if (config.bos_token >= 0) json["bos_token_id"] = config.bos_token;
  if (config.eos_tokens.size() == 1) json["eos_token_id"] = config.eos_tokens[0];
  if (config.eos_tokens.size() > 1) json["eos_token_id"] = config.eos_tokens;
  return json;
}

} // namespace intarsia

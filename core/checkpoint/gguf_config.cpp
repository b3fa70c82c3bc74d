// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

constexpr std::uint64_t max_positions = 1u << 28;

std::size_t vocabulary_size(const Gguf& gguf, const std::string& architecture) {
  const GgufTensor* embedding = gguf.find_tensor("token_embd.weight");
  if (embedding && embedding->shape.size() == 2) return embedding->shape[0];
  return gguf.count(architecture + ".vocab_size", 1, 1u << 24);
}

// A list of one value a block is a count when they are all the same.
std::uint64_t uniform_count(const Gguf& gguf, const std::string& key, std::uint64_t high,
                            std::uint64_t fallback) {
  const GgufValue* value = gguf.find(key);
  if (!value) return fallback;
  const auto* list = std::get_if<std::vector<std::int64_t>>(value);
  if (!list) return gguf.count(key, 1, high);
  const auto differs = [&](std::int64_t entry) { return entry != list->front(); };
  if (list->empty() || list->front() < 1 || std::uint64_t(list->front()) > high)
    throw input_error(gguf.origin() + ": metadata \"" + key + "\" holds a count that is out of range");
  if (std::any_of(list->begin(), list->end(), differs))
    throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"" + key +
                                            "\" differs from block to block, which is not supported yet");
  return std::uint64_t(list->front());
}

// For people; one that is no text is no reason to refuse the model.
std::string name_of_model(const Gguf& gguf) {
  const GgufValue* name = gguf.find("general.name");
  const auto* text = name ? std::get_if<std::string>(name) : nullptr;
  return text ? to_valid_utf8(*text) : std::string();
}

OrderedJson json_of(const GgufValue& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<decltype(held), const std::monostate&>)
          return OrderedJson();
        else
          return OrderedJson(held);
      },
      value);
}

// The values of a tensor that scales frequencies; empty when the file has none of that name.
std::vector<float> frequency_divisors(const Gguf& gguf, const GgufFiles& files, const std::string& name,
                                      std::size_t count) {
  const GgufTensor* tensor = gguf.find_tensor(name);
  if (!tensor) return {};
  const std::string where = gguf.origin() + ": tensor \"" + name + "\"";
  if (tensor->shape.size() != 1 || !is_weight_type(tensor->dtype))
    throw input_error(where + " is not a vector of floating-point numbers");
  if (tensor->shape[0] != count)
    throw input_error(where + " has " + std::to_string(tensor->shape[0]) +
                      " values, not half of what is rotated of a head, " + std::to_string(count));
  std::vector<float> divisors(count);
  dequantize(tensor->dtype, files[tensor->file].subspan(tensor->begin, tensor->end - tensor->begin),
             divisors);
  for (const float divisor : divisors)
    if (!(divisor > 0) || !std::isfinite(divisor))
      throw input_error(where + " holds a value that is not > 0");
  return divisors;
}

// Keys that llama.cpp reads in the same way for every architecture (llama-model.cpp, load_hparams).
class RopeMetadata {
 public:
  RopeMetadata(const Gguf& gguf, const GgufFiles& files, const std::string& architecture)
      : gguf_(gguf)
      , files_(files)
      , prefix_(architecture + ".rope.") {}

  void into(OrderedJson& config, std::size_t head_dim) const {
    config["rope_theta"] = gguf_.number_or(prefix_ + "freq_base", 10000);
    const std::size_t rotated = gguf_.count_or(prefix_ + "dimension_count", 1, 4096, head_dim);
    if (rotated != head_dim) config["partial_rotary_factor"] = double(rotated) / double(head_dim);
    const auto divisors = frequency_divisors(gguf_, files_, "rope_freqs.weight", rotated / 2);
    if (!divisors.empty()) config["intarsia_rope_divisors"] = divisors;
    if (gguf_.find_tensor("rope_factors_long.weight") || gguf_.find_tensor("rope_factors_short.weight"))
      config["rope_scaling"] = longrope(rotated / 2);
    else if (OrderedJson scaling = by_type(); !scaling.empty())
      config["rope_scaling"] = std::move(scaling);
  }

 private:
  std::string key(const char* name) const { return prefix_ + "scaling." + name; }

  // Older files have a factor without a type, or call it scale_linear.
  double factor() const {
    return gguf_.number_or(key("factor"), gguf_.number_or(prefix_ + "scale_linear", 1));
  }

  // llama.cpp multiplies them.
  double attention_factor() const {
    return gguf_.number_or(key("attn_factor"), 1) * gguf_.number_or(key("yarn_attn_factor"), 1);
  }

  OrderedJson by_type() const {
    const std::string type = gguf_.string_or(key("type"), "linear");
    const double attention = attention_factor();
    if (type == "none") return {};
    if (type == "yarn") return yarn(attention);
    if (type == "longrope")
      throw input_error(gguf_.origin() + ": metadata \"" + key("type") +
                        "\" is longrope, but tensor \"rope_factors_long.weight\" is missing");
    if (type != "linear")
      throw Error(ErrorKind::unsupported, gguf_.origin() + ": metadata \"" + key("type") + "\" is \"" + type +
                                              "\"; none, linear, yarn and longrope are supported");
    if (attention != 1) {
      const char* set = gguf_.number_or(key("attn_factor"), 1) != 1 ? "attn_factor" : "yarn_attn_factor";
      throw Error(ErrorKind::unsupported, gguf_.origin() + ": metadata \"" + key(set) +
                                              "\" is supported with yarn and longrope only");
    }
    if (factor() == 1 || factor() == 0) return {}; // llama.cpp takes 0 for 1
    return {{"rope_type", "linear"}, {"factor", factor()}};
  }

  OrderedJson yarn(double attention) const {
    if (gguf_.number_or(key("yarn_ext_factor"), 1) != 1 || gguf_.has(key("yarn_log_multiplier")))
      throw Error(ErrorKind::unsupported,
                  gguf_.origin() + ": metadata \"" + prefix_ +
                      "scaling.yarn_ext_factor\" or \"yarn_log_multiplier\" is not supported");
    OrderedJson scaling{{"rope_type", "yarn"},
                        {"factor", factor()},
                        {"beta_fast", gguf_.number_or(key("yarn_beta_fast"), 32)},
                        {"beta_slow", gguf_.number_or(key("yarn_beta_slow"), 1)}};
    if (attention != 1) // llama.cpp multiplies YaRN's own by it
      scaling["attention_factor"] = attention * (factor() > 1 ? 1 + 0.1 * std::log(factor()) : 1);
    if (gguf_.has(key("original_context_length")))
      scaling["original_max_position_embeddings"] =
          gguf_.count(key("original_context_length"), 1, max_positions);
    return scaling;
  }

  OrderedJson longrope(std::size_t count) const {
    OrderedJson scaling{{"rope_type", "longrope"}, {"attention_factor", attention_factor()}};
    for (const auto& [field, tensor] : {std::pair{"short_factor", "rope_factors_short.weight"},
                                        std::pair{"long_factor", "rope_factors_long.weight"}}) {
      const auto divisors = frequency_divisors(gguf_, files_, tensor, count);
      if (divisors.empty())
        throw input_error(gguf_.origin() + ": tensor \"" + std::string(tensor) + "\" is missing");
      scaling[field] = divisors;
    }
    if (gguf_.has(key("original_context_length")))
      scaling["original_max_position_embeddings"] =
          gguf_.count(key("original_context_length"), 1, max_positions);
    return scaling;
  }

  const Gguf& gguf_;
  const GgufFiles& files_;
  const std::string prefix_;
};

void read_special_tokens(const Gguf& gguf, ModelConfig& config) {
  const auto id_of = [&](const char* key) {
    const GgufValue* value = gguf.find(std::string("tokenizer.ggml.") + key);
    const auto* id = value ? std::get_if<std::int64_t>(value) : nullptr;
    return id && *id >= 0 && std::uint64_t(*id) < config.vocabulary ? int(*id) : -1; // others are "none"
  };
  const bool has_usual_ids = gguf_has_usual_ids(gguf) && config.vocabulary > 2;
  config.bos_token = id_of("bos_token_id");
  if (config.bos_token < 0 && has_usual_ids) config.bos_token = 1;
  if (id_of("eos_token_id") < 0 && has_usual_ids) config.eos_tokens.push_back(2);
  for (const char* key : {"eos_token_id", "eot_token_id", "eom_token_id"})
    if (const int id = id_of(key);
        id >= 0 && std::ranges::find(config.eos_tokens, id) == config.eos_tokens.end())
      config.eos_tokens.push_back(id);
}

} // namespace

namespace {

// Metadata behind "<architecture>." that changes what a model computes, and the value that stands for
// "nothing".
struct Feature {
  std::string_view key;
  double off, also_off = off;
};
constexpr std::array features{Feature{"logit_scale", 1},
                              Feature{"embedding_scale", 1},
                              Feature{"residual_scale", 1},
                              Feature{"attention.scale", 0},
                              Feature{"attn_logit_softcapping", 0},
                              Feature{"final_logit_softcapping", 0},
                              Feature{"router_logit_softcapping", 0},
                              Feature{"attention.clamp_kqv", 0},
                              Feature{"attention.max_alibi_bias", 0},
                              Feature{"attention.temperature_scale", 0},
                              Feature{"attention.key_length_mla", 0},
                              Feature{"attention.output_scale", 1, 0},
                              Feature{"attention.shared_kv_layers", 0},
                              Feature{"attention.q_lora_rank", 0},
                              Feature{"attention.kv_lora_rank", 0},
                              Feature{"rope.scaling.alpha", 0, 1},
                              Feature{"leading_dense_block_count", 0},
                              Feature{"nextn_predict_layers", 0},
                              Feature{"full_attention_interval", 0, 1},
                              Feature{"embedding_length_per_layer_input", 0},
                              Feature{"altup.num_inputs", 0},
                              Feature{"n_deepstack_layers", 0},
                              Feature{"interleave_moe_layer_step", 1, 0},
                              Feature{"expert_shared_count", 0},
                              Feature{"expert_group_count", 0, 1},
                              Feature{"expert_gating_func", 0, 1}, // 1: softmax
                              Feature{"expert_weights_scale", 0, 1},
                              Feature{"use_parallel_residual", 0},
                              Feature{"attention.causal", 1}};

bool is_off(const GgufValue& value, double off) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return double(*integer) == off;
  if (const auto* number = std::get_if<double>(&value)) return *number == off;
  if (const auto* truth = std::get_if<bool>(&value)) return double(*truth) == off;
  return false;
}

bool reads(const Architecture& architecture, std::string_view key) {
  return std::ranges::any_of(architecture.metadata,
                             [&](const Renaming& field) { return field.first == key; });
}

void refuse_unread_features(const Gguf& gguf, const Architecture& architecture) {
  for (const Feature& feature : features) {
    const std::string key = std::string(architecture.gguf) + "." + std::string(feature.key);
    const GgufValue* value = gguf.find(key);
    const bool off = !value || is_off(*value, feature.off) || is_off(*value, feature.also_off);
    if (off || reads(architecture, feature.key)) continue;
    throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"" + key + "\" is set, which " +
                                            std::string(architecture.gguf) +
                                            " models do not have here; the model would be computed wrongly");
  }
}

// What blocks with a window have of their own, where the architecture does not read it.
void refuse_other_window_blocks(const Gguf& gguf, const Architecture& architecture) {
  const std::string prefix = std::string(architecture.gguf) + ".";
  for (const char* suffix :
       {"rope.dimension_count", "rope.freq_base", "attention.key_length", "attention.value_length"}) {
    const std::string own = std::string(suffix) + "_swa";
    if (!gguf.has(prefix + own) || reads(architecture, own)) continue;
    const double value = gguf.number_or(prefix + own, 0);
    if (value != gguf.number_or(prefix + suffix, value))
      throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"" + prefix + own +
                                              "\" differs from that of other blocks, which " +
                                              std::string(architecture.gguf) + " models do not have here");
  }
}

} // namespace

bool gguf_has_usual_ids(const Gguf& gguf) {
  const GgufValue* model = gguf.find("tokenizer.ggml.model");
  const auto* name = model ? std::get_if<std::string>(model) : nullptr;
  return name && *name == "llama";
}

const Architecture& gguf_architecture(const Gguf& gguf) {
  const std::string& name = gguf.string("general.architecture");
  const bool experts = gguf.count_or(name + ".expert_count", 0, 1u << 20, 0) > 0;
  const GgufValue* window = gguf.find(name + ".attention.sliding_window");
  const auto* width = window ? std::get_if<std::int64_t>(window) : nullptr;
  const bool windows = width && *width > 0;
  if (const Architecture* architecture = find_gguf_architecture(name, experts, windows)) return *architecture;
  throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"general.architecture\" is \"" + name +
                                          "\", an architecture this program does not know; it knows " +
                                          known_gguf_architectures());
}

ModelConfig gguf_model_config(const Gguf& gguf, const GgufFiles& files) {
  const Architecture& architecture = gguf_architecture(gguf);
  refuse_unread_features(gguf, architecture);
  refuse_other_window_blocks(gguf, architecture);
  const std::string name(architecture.gguf);
  const auto key = [&](const char* suffix) { return name + "." + suffix; };
  const std::size_t heads = uniform_count(gguf, key("attention.head_count"), 4096, 0);
  const std::size_t hidden = gguf.count(key("embedding_length"), 1, 1u << 20);
  if (heads == 0)
    throw input_error(gguf.origin() + ": metadata \"" + key("attention.head_count") + "\" is missing");
  const std::size_t head_dim =
      gguf.count_or(key("attention.key_length"), 2, 4096, std::max<std::size_t>(1, hidden / heads));

  // Through config.json's own reader, so that both kinds of file meet the same checks.
  OrderedJson json{{"model_type", architecture.model_types[0]},
                   {"_name_or_path", name_of_model(gguf)},
                   {"hidden_size", hidden},
                   {"intermediate_size", uniform_count(gguf, key("feed_forward_length"), 1u << 20, 0)},
                   {"num_hidden_layers", gguf.count(key("block_count"), 1, 4096)},
                   {"num_attention_heads", heads},
                   {"num_key_value_heads", uniform_count(gguf, key("attention.head_count_kv"), 4096, heads)},
                   {"head_dim", head_dim},
                   {"vocab_size", vocabulary_size(gguf, name)},
                   {"max_position_embeddings", gguf.count_or(key("context_length"), 1, INT64_MAX, 2048)},
                   {"rms_norm_eps", gguf.number_or(key("attention.layer_norm_rms_epsilon"), 1e-5)},
                   {"tie_word_embeddings", gguf.find_tensor("output.weight") == nullptr}};
  if (gguf.count_or(key("expert_count"), 0, 1u << 20, 0) > 0)
    json["num_local_experts"] = gguf.count(key("expert_count"), 0, 1u << 20);
  RopeMetadata(gguf, files, name).into(json, head_dim);
  for (const auto& [metadata, field] : architecture.metadata)
    if (const GgufValue* value = gguf.find(name + "." + std::string(metadata)))
      json[std::string(field)] = json_of(*value);
  if (json.contains("sliding_window") && json["sliding_window"] == 0) // how llama.cpp says that there is none
    json["sliding_window"] = nullptr;
  if (architecture.complete) architecture.complete(json);
  ModelConfig config = parse_model_config(Json(json), gguf.origin());
  if (gguf.count_or(key("attention.value_length"), 1, 4096, config.head_dim) != config.head_dim)
    throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"" + key("attention.value_length") +
                                            "\" differs from the keys' length, which is not supported");
  read_special_tokens(gguf, config);
  return config;
}

} // namespace intarsia

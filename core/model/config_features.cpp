// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/config_features.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"

namespace intarsia {
namespace {

struct Feature {
  std::string_view field;
  double off = 0; // a number that switches it off; so do null, false, empty lists and texts
};

// Of the families of transformers and of models that bring their own code.
constexpr std::array features{
    Feature{"attn_logit_softcapping"},
    Feature{"final_logit_softcapping"},
    Feature{"query_pre_attn_scalar"},
    Feature{"attention_multiplier"},
    Feature{"embedding_multiplier", 1},
    Feature{"residual_multiplier", 1},
    Feature{"logits_scaling", 1},
    Feature{"logit_scale", 1},
    Feature{"scale_emb", 1},
    Feature{"scale_depth"},
    Feature{"dim_model_base"},
    Feature{"partial_rotary_factor", 1},
    Feature{"rotary_pct", 1},
    Feature{"rope_local_base_freq"},
    Feature{"no_rope_layers"},
    Feature{"no_rope_layer_interval"},
    Feature{"layer_types"},
    Feature{"sliding_window_pattern"},
    Feature{"attention_chunk_size"},
    Feature{"attn_temperature_tuning"},
    Feature{"qk_layernorm"},
    Feature{"use_qk_norm"},
    Feature{"qk_norm"},
    Feature{"clip_qkv"},
    Feature{"parallel_attn"},
    Feature{"use_parallel_residual"},
    Feature{"alibi"},
    Feature{"use_bidirectional_attention"},
    Feature{"is_encoder_decoder"},
    Feature{"num_local_experts", 1},
    Feature{"num_experts", 1},
    Feature{"n_routed_experts"},
    Feature{"n_shared_experts"},
    Feature{"kv_lora_rank"},
    Feature{"q_lora_rank"},
    Feature{"num_kv_shared_layers"},
    Feature{"hidden_size_per_layer_input"},
    Feature{"mamba_d_state"},
    Feature{"ssm_cfg"},
};

bool is_off(const Json& value, const Feature& feature) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == feature.off;
  if (value.is_array() && feature.field == "layer_types")
    return std::ranges::all_of(value, [](const Json& type) { return type == "full_attention"; });
  return value.empty() || value == "";
}

void refuse(const JsonObject& config, const Feature& feature, const Architecture& architecture) {
  const std::string field(feature.field);
  if (!config.has(field) || is_off(config[field], feature) || reads_field(architecture, field)) return;
  throw Error(ErrorKind::unsupported, config.origin() + ": field \"" + field + "\" is " +
                                          config[field].dump().substr(0, 60) + ", which " +
                                          std::string(architecture.model_types[0]) +
                                          " models do not have here; the model would be computed wrongly");
}

} // namespace

void refuse_unread_features(const JsonObject& config, const Architecture& architecture) {
  for (const Feature& feature : features) refuse(config, feature, architecture);
  if (config.has("rope_parameters")) // where transformers 5 has it
    refuse(config.object("rope_parameters"), {"partial_rotary_factor", 1}, architecture);
}

} // namespace intarsia

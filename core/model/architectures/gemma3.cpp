// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Gemma 3, text (arXiv 2503.19786), also as the text part of its vision models: as Gemma 2, but with a norm
// of every head's query and key in place of the caps, and five windowed blocks, which have a rotary base of
// their own, to one that sees everything.
#include <cmath>

#include "core/base/error.h"
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

bool five_of_six(const JsonObject& config, std::size_t block) {
  return (block + 1) % config.count_or("sliding_window_pattern", 1, 4096, 6) != 0;
}

void read(const JsonObject& config, ModelConfig& model) {
  model.norm_after = true;
  model.qk_norm = QkNorm::per_head;
  model.embedding_multiplier = std::sqrt(double(model.hidden));
  const double scalar = config.number("query_pre_attn_scalar");
  if (!(scalar > 0))
    throw input_error(config.origin() + ": field \"query_pre_attn_scalar\" must be larger than 0");
  model.attention_scale = 1 / std::sqrt(scalar);
  if (!config.has("rope_parameters")) // which says both bases itself
    model.local_rope_theta = config.number_or("rope_local_base_freq", 10000);
  if (!(model.local_rope_theta > 0))
    throw input_error(config.origin() + ": field \"rope_local_base_freq\" must be larger than 0");
  set_windows_with_own_rope(config, model, five_of_six);
}

// llama.cpp knows the model by its number of blocks: the 27B scales queries by hidden / heads.
void complete(OrderedJson& config) {
  const std::uint64_t hidden = config["hidden_size"], heads = config["num_attention_heads"];
  config["query_pre_attn_scalar"] =
      config["num_hidden_layers"] == 62 ? Json(hidden / heads) : Json(config["head_dim"]);
  read_gguf_windows(config, 6);
}

} // namespace

const Architecture gemma3{
    .model_types = {"gemma3_text", "gemma3"},
    .class_name = "Gemma3ForCausalLM",
    .gguf = "gemma3",
    .defaults = R"({"head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208,
                    "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072,
                    "tie_word_embeddings": true, "sliding_window": 4096, "query_pre_attn_scalar": 256,
                    "rope_theta": 1000000.0})",
    .fields = {"hidden_activation", "query_pre_attn_scalar", "rope_local_base_freq", "sliding_window",
               "sliding_window_pattern", "layer_types"},
    .read = read,
    .metadata = {{"attention.sliding_window", "sliding_window"},
                 {"attention.sliding_window_pattern", "sliding_window_pattern"},
                 {"rope.freq_base_swa", "rope_local_base_freq"}},
    .complete = complete,
    .tensors = {{"post_attention_norm", "post_attention_layernorm"},
                {"ffn_norm", "pre_feedforward_layernorm"},
                {"post_ffw_norm", "post_feedforward_layernorm"}},
    .prefixes = {{"language_model.model.", "model."},
                 {"model.language_model.", "model."},
                 {"language_model.lm_head.", "lm_head."}},
    .gain_offset = 1,
};

} // namespace intarsia::architectures

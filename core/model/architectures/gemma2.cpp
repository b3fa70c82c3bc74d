// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Gemma 2 (arXiv 2408.00118): embeddings scaled by sqrt(hidden), four norms a block whose gains are stored
// without their 1, GELU, capped scores and logits, and a sliding window in every other block.
#include <cmath>

#include "core/base/error.h"
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

bool even_block(const JsonObject&, std::size_t block) { return block % 2 == 0; }

double positive_or_off(const JsonObject& config, const char* field) {
  const double value = config.number_or(field, 0);
  if (value < 0) throw input_error(config.origin() + ": field \"" + field + "\" must not be negative");
  return value;
}

void read(const JsonObject& config, ModelConfig& model) {
  model.norm_after = true;
  model.embedding_multiplier = std::sqrt(double(model.hidden));
  const double scalar = config.number("query_pre_attn_scalar");
  if (!(scalar > 0))
    throw input_error(config.origin() + ": field \"query_pre_attn_scalar\" must be larger than 0");
  model.attention_scale = 1 / std::sqrt(scalar);
  model.attention_softcap = positive_or_off(config, "attn_logit_softcapping");
  model.logit_softcap = positive_or_off(config, "final_logit_softcapping");
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, even_block);
}

// llama.cpp knows the model by its number of blocks: the 27B scales queries by hidden / heads.
void complete(OrderedJson& config) {
  const std::uint64_t hidden = config["hidden_size"], heads = config["num_attention_heads"];
  config["query_pre_attn_scalar"] =
      config["num_hidden_layers"] == 46 ? Json(hidden / heads) : Json(config["head_dim"]);
  if (!config.contains("sliding_window")) config["sliding_window"] = 4096; // as llama.cpp has it
  read_gguf_windows(config, 2);
}

} // namespace

const Architecture gemma2{
    .model_types = {"gemma2"},
    .class_name = "Gemma2ForCausalLM",
    .gguf = "gemma2",
    .defaults = R"({"head_dim": 256, "num_key_value_heads": 4, "hidden_activation": "gelu_pytorch_tanh",
                    "max_position_embeddings": 8192, "tie_word_embeddings": true, "sliding_window": 4096,
                    "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0,
                    "final_logit_softcapping": 30.0})",
    .fields = {"hidden_activation", "query_pre_attn_scalar", "attn_logit_softcapping",
               "final_logit_softcapping", "sliding_window", "layer_types"},
    .read = read,
    .metadata = {{"attn_logit_softcapping", "attn_logit_softcapping"},
                 {"final_logit_softcapping", "final_logit_softcapping"},
                 {"attention.sliding_window", "sliding_window"},
                 {"attention.sliding_window_pattern", "sliding_window_pattern"}},
    .complete = complete,
    .tensors = {{"post_attention_norm", "post_attention_layernorm"},
                {"ffn_norm", "pre_feedforward_layernorm"},
                {"post_ffw_norm", "post_feedforward_layernorm"}},
    .gain_offset = 1,
};

} // namespace intarsia::architectures

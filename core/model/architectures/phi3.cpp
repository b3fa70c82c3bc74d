// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Phi-3, Phi-3.5 and Phi-4-mini (arXiv 2404.14219, 2503.01743): Llama whose q, k and v are stored as one
// tensor, and gate and up as another; LongRoPE, and in Phi-4-mini a part of each head that is not rotated.
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

bool every_block(const JsonObject&, std::size_t) { return true; }

void read(const JsonObject& config, ModelConfig& model) {
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, every_block);
}

} // namespace

const Architecture phi3{
    .model_types = {"phi3"},
    .class_name = "Phi3ForCausalLM",
    .gguf = "phi3",
    .defaults = R"({"max_position_embeddings": 4096, "rms_norm_eps": 1e-5})",
    .fields = {"sliding_window", "partial_rotary_factor", "original_max_position_embeddings"},
    .read = read,
    .metadata = {{"attention.sliding_window", "sliding_window"}},
    .tensors = {{"attn_qkv",
                 "self_attn.qkv_proj",
                 {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
                {"ffn_up", "mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}},
};

} // namespace intarsia::architectures

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Mixtral (arXiv 2401.04088): Mistral with a mixture of experts in every block. llama.cpp keeps it as a llama
// that has experts.
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/mixture_of_experts.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

bool every_block(const JsonObject&, std::size_t) { return true; }

void read(const JsonObject& config, ModelConfig& model) {
  read_experts(config, model, "intermediate_size");
  model.normalise_expert_weights = true;
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, every_block);
}

} // namespace

const Architecture mixtral{
    .model_types = {"mixtral"},
    .class_name = "MixtralForCausalLM",
    .gguf = "llama",
    .gguf_experts = true,
    .defaults = R"({"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "max_position_embeddings": 131072,
                    "rope_theta": 1000000.0, "num_local_experts": 8, "num_experts_per_tok": 2})",
    .fields = {"sliding_window", "num_local_experts", "num_experts_per_tok"},
    .read = read,
    .metadata = {{"expert_count", "num_local_experts"}, {"expert_used_count", "num_experts_per_tok"}},
    .tensors = {{"ffn_gate_inp", "block_sparse_moe.gate", {"mlp.gate"}},
                {"ffn_gate_exps", "", {"mlp.experts.*.gate_proj"}},
                {"ffn_up_exps", "", {"mlp.experts.*.up_proj"}},
                {"ffn_down_exps", "", {"mlp.experts.*.down_proj"}},
                {"", "block_sparse_moe.experts.*.w1", {"mlp.experts.*.gate_proj"}},
                {"", "block_sparse_moe.experts.*.w3", {"mlp.experts.*.up_proj"}},
                {"", "block_sparse_moe.experts.*.w2", {"mlp.experts.*.down_proj"}}},
    .gguf_pairs_rows = true,
};

} // namespace intarsia::architectures

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Qwen3 with a mixture of experts (arXiv 2505.09388): every block's, unless the config names dense ones.
#include "core/base/error.h"
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/mixture_of_experts.h"
#include "core/model/architectures/registry.h"
#include "core/model/config_bounds.h"

namespace intarsia::architectures {
namespace {

bool every_block(const JsonObject&, std::size_t) { return true; }

std::vector<bool> dense_blocks(const JsonObject& config, const ModelConfig& model) {
  const std::size_t step = config.count_or("decoder_sparse_step", 1, max_blocks, 1);
  std::vector<bool> dense(model.blocks);
  for (std::size_t block = 0; block < model.blocks; ++block) dense[block] = (block + 1) % step != 0;
  if (!config.has("mlp_only_layers")) return dense;
  for (const Json& block : config["mlp_only_layers"]) {
    if (!block.is_number_unsigned() || block.get<std::uint64_t>() >= model.blocks)
      throw input_error(config.origin() +
                        ": field \"mlp_only_layers\" holds something that is not a layer's number");
    dense[block.get<std::size_t>()] = true;
  }
  return dense;
}

void read(const JsonObject& config, ModelConfig& model) {
  model.qk_norm = QkNorm::per_head;
  read_experts(config, model, "moe_intermediate_size");
  model.normalise_expert_weights = config.boolean_or("norm_topk_prob", false);
  model.dense_blocks = dense_blocks(config, model);
  if (!config.boolean_or("use_sliding_window", false)) return;
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, every_block);
}

void complete(OrderedJson& config) { config["norm_topk_prob"] = true; } // llama.cpp always does it

} // namespace

const Architecture qwen3_moe{
    .model_types = {"qwen3_moe"},
    .class_name = "Qwen3MoeForCausalLM",
    .gguf = "qwen3moe",
    .gguf_experts = true,
    .defaults = R"({"num_key_value_heads": 4, "num_experts_per_tok": 8,
                    "moe_intermediate_size": 768})",
    .fields = {"num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size",
               "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers", "use_sliding_window",
               "sliding_window"},
    .read = read,
    .metadata = {{"expert_count", "num_experts"},
                 {"expert_used_count", "num_experts_per_tok"},
                 {"expert_feed_forward_length", "moe_intermediate_size"}},
    .complete = complete,
    .tensors = {{"ffn_gate_inp", "mlp.gate"},
                {"ffn_gate_exps", "", {"mlp.experts.*.gate_proj"}},
                {"ffn_up_exps", "", {"mlp.experts.*.up_proj"}},
                {"ffn_down_exps", "", {"mlp.experts.*.down_proj"}}},
};

} // namespace intarsia::architectures

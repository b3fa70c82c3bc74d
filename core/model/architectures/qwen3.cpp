// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Qwen3, dense (arXiv 2505.09388): Llama with an RMSNorm of every head's query and key, and a head_dim that
// does not follow from the hidden size.
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"
#include "core/model/config_bounds.h"

namespace intarsia::architectures {
namespace {

bool upper_block(const JsonObject& config, std::size_t block) {
  return block >= config.count_or("max_window_layers", 0, max_blocks, 28);
}

void read(const JsonObject& config, ModelConfig& model) {
  model.qk_norm = QkNorm::per_head;
  if (!config.boolean_or("use_sliding_window", false)) return;
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, upper_block);
}

} // namespace

const Architecture qwen3{
    .model_types = {"qwen3"},
    .class_name = "Qwen3ForCausalLM",
    .gguf = "qwen3",
    .defaults = R"({"head_dim": 128})",
    .fields = {"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"},
    .read = read,
};

} // namespace intarsia::architectures

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Qwen2 and Qwen2.5 (arXiv 2407.10671), and DeepSeek-R1's distillations of them: Llama with biases of q, k
// and v. A sliding window is off unless use_sliding_window says so, and then begins at block
// max_window_layers.
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"
#include "core/model/config_bounds.h"

namespace intarsia::architectures {
namespace {

bool upper_block(const JsonObject& config, std::size_t block) {
  return block >= config.count_or("max_window_layers", 0, max_blocks, 28);
}

void read(const JsonObject& config, ModelConfig& model) {
  model.qkv_bias = config.boolean_or("qkv_bias", true);
  if (!config.boolean_or("use_sliding_window", false)) return;
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, upper_block);
}

} // namespace

const Architecture qwen2{
    .model_types = {"qwen2"},
    .class_name = "Qwen2ForCausalLM",
    .gguf = "qwen2",
    .fields = {"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"},
    .read = read,
};

} // namespace intarsia::architectures

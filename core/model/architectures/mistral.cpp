// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Mistral 7B and its successors of one shape: Llama with a sliding window in every layer (version 0.1 only;
// the later ones have none). llama.cpp keeps them as llama.
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

const Architecture mistral{
    .model_types = {"mistral"},
    .class_name = "MistralForCausalLM",
    .gguf = "llama",
    .defaults = R"({"num_key_value_heads": 8, "sliding_window": 4096, "max_position_embeddings": 131072})",
    .fields = {"sliding_window", "layer_types"},
    .read = read,
    .gguf_pairs_rows = true,
};

} // namespace intarsia::architectures

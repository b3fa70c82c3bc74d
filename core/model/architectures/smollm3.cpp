// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// SmolLM3: Llama in which every fourth block has no rotary embedding (arXiv 2501.18795).
#include "core/base/error.h"
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"
#include "core/model/config_bounds.h"

namespace intarsia::architectures {
namespace {

// "no_rope_layers" has a 1, despite its name, where the block is rotated.
std::vector<bool> rotated_blocks(const JsonObject& config, const ModelConfig& model) {
  std::vector<bool> rotated(model.blocks);
  const char* field = "no_rope_layers";
  if (!config.has(field)) {
    const std::size_t interval = config.count_or("no_rope_layer_interval", 1, max_blocks, 4);
    for (std::size_t block = 0; block < model.blocks; ++block) rotated[block] = (block + 1) % interval != 0;
    return rotated;
  }
  const Json& flags = config[field];
  if (!flags.is_array() || flags.size() != model.blocks)
    throw input_error(config.origin() + ": field \"" + field + "\" is not a list of one number a layer");
  for (std::size_t block = 0; block < model.blocks; ++block) {
    if (flags[block] != 0 && flags[block] != 1)
      throw input_error(config.origin() + ": field \"" + field + "\" holds something that is not 0 or 1");
    rotated[block] = flags[block] == 1;
  }
  return rotated;
}

// transformers lets the window, where a config turns it on, fall on the blocks that are not rotated.
bool unrotated_block(const JsonObject& config, std::size_t block) {
  if (config.has("no_rope_layers")) return config["no_rope_layers"][block] == 0;
  return (block + 1) % config.count_or("no_rope_layer_interval", 1, max_blocks, 4) == 0;
}

void read(const JsonObject& config, ModelConfig& model) {
  const auto rotated = rotated_blocks(config, model);
  model.attention.resize(model.blocks);
  for (std::size_t block = 0; block < model.blocks; ++block)
    model.attention[block].rope = rotated[block] ? RopeUse::global : RopeUse::none;
  if (!config.boolean_or("use_sliding_window", false)) return;
  if (const std::size_t window = window_of(config, model); window > 0)
    set_windows(config, model, window, unrotated_block);
}

} // namespace

const Architecture smollm3{
    .model_types = {"smollm3"},
    .class_name = "SmolLM3ForCausalLM",
    .gguf = "smollm3",
    .defaults = R"({"num_key_value_heads": 4, "max_position_embeddings": 32768, "rope_theta": 2000000.0,
                    "tie_word_embeddings": true})",
    .fields = {"no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "sliding_window",
               "layer_types"},
    .read = read,
    .gguf_pairs_rows = true,
};

} // namespace intarsia::architectures

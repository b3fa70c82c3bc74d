// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/architectures/attention_windows.h"

#include "core/base/error.h"
#include "core/model/config_bounds.h"

namespace intarsia {
namespace {

std::vector<bool> windowed_blocks(const JsonObject& config, const ModelConfig& model,
                                  bool (*windowed)(const JsonObject&, std::size_t)) {
  std::vector<bool> blocks(model.blocks);
  const std::string field = "layer_types";
  if (!config.has(field)) {
    for (std::size_t block = 0; block < model.blocks; ++block) blocks[block] = windowed(config, block);
    return blocks;
  }
  const Json& types = config[field];
  if (!types.is_array() || types.size() != model.blocks)
    throw input_error(config.origin() + ": field \"" + field + "\" is not a list of one entry a layer");
  for (std::size_t block = 0; block < model.blocks; ++block) {
    const std::string type = types[block].is_string() ? types[block].get<std::string>() : types[block].dump();
    if (type != "full_attention" && type != "sliding_attention")
      throw Error(ErrorKind::unsupported, config.origin() + ": field \"" + field + "\" holds \"" + type +
                                              "\"; full_attention and sliding_attention are supported");
    blocks[block] = type == "sliding_attention";
  }
  return blocks;
}

} // namespace

std::size_t window_of(const JsonObject& config, const ModelConfig& model) {
  if (!config.has("sliding_window")) return 0;
  const std::size_t window = config.count("sliding_window", 1, INT64_MAX);
  return window < model.max_positions ? window : 0;
}

void set_windows(const JsonObject& config, ModelConfig& model, std::size_t window,
                 bool (*windowed)(const JsonObject&, std::size_t)) {
  const auto blocks = windowed_blocks(config, model, windowed);
  if (model.attention.empty()) model.attention.resize(model.blocks);
  for (std::size_t block = 0; block < model.blocks; ++block)
    model.attention[block].window = blocks[block] ? window : 0;
}

} // namespace intarsia

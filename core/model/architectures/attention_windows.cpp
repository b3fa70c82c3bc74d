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

void set_windows_with_own_rope(const JsonObject& config, ModelConfig& model,
                               bool (*windowed)(const JsonObject&, std::size_t)) {
  set_windows(config, model, 1, windowed);
  const std::size_t window = window_of(config, model);
  for (BlockAttention& block : model.attention)
    if (block.window > 0) block = {window, RopeUse::local};
}

void read_gguf_windows(OrderedJson& config, std::uint64_t usual_pattern) {
  const OrderedJson pattern = config.value("sliding_window_pattern", OrderedJson(usual_pattern));
  config.erase("sliding_window_pattern");
  const bool none = !config.contains("sliding_window") || config["sliding_window"].is_null();
  config["layer_types"] = pattern; // refused with the field's name where it is neither a number nor a list
  if (!pattern.is_array() && !pattern.is_number_integer()) return;
  const auto windowed = [&](std::uint64_t block) {
    if (pattern.is_array()) return pattern[block] != 0;
    const auto n = pattern.get<std::uint64_t>();
    return n == 0 || block % n + 1 < n;
  };
  OrderedJson types = OrderedJson::array();
  const std::uint64_t count =
      pattern.is_array() ? pattern.size() : config["num_hidden_layers"].get<std::uint64_t>();
  for (std::uint64_t block = 0; block < count; ++block)
    types.push_back(!none && windowed(block) ? "sliding_attention" : "full_attention");
  config["layer_types"] = types;
}

} // namespace intarsia

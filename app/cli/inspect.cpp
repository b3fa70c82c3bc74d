// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cstdio>
#include <fmt/format.h>

#include "app/cli/plan_table.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/memory/memory_model.h"
#include "core/palette/rotation.h"

namespace intarsia::cli {
namespace {

OrderedJson linear_json(const LinearLayer& layer) {
  return {{"name", layer.name},   {"role", role_name(layer.role)},
          {"block", layer.block}, {"in", layer.d_in},
          {"out", layer.d_out},   {"bias", layer.bias},
          {"input", layer.input}};
}

OrderedJson to_json(const OpenedModel& model, const std::string& path) {
  const ModelConfig& config = model.config();
  const LayerGraph& graph = model.graph();
  OrderedJson layers = OrderedJson::array(), groups = OrderedJson::array(), tensors = OrderedJson::array();
  for (const LinearLayer& layer : graph.linears) layers.push_back(linear_json(layer));
  for (const FusionGroup& group : fusion_groups(graph)) {
    if (group.members.size() < 2) continue;
    OrderedJson names = OrderedJson::array();
    for (const std::size_t member : group.members) names.push_back(graph.linears[member].name);
    groups.push_back(names);
  }
  if (model.checkpoint)
    for (const TensorInfo& tensor : model.checkpoint->tensors())
      tensors.push_back({{"name", tensor.name},
                         {"type", dtype_name(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"bytes", tensor.bytes}});
  OrderedJson json{{"path", path},
                   {"kind", model.artifact ? "artifact" : model.checkpoint->kind()},
                   {"name", config.name},
                   {"architecture", config.architecture},
                   {"blocks", config.blocks},
                   {"hidden", config.hidden},
                   {"intermediate", config.intermediate},
                   {"heads", config.heads},
                   {"kv_heads", config.kv_heads},
                   {"head_dim", config.head_dim},
                   {"vocabulary", config.vocabulary},
                   {"max_positions", config.max_positions},
                   {"tied_embeddings", config.tied_embeddings},
                   {"linear_weights", graph.linear_weights()},
                   {"f16_bytes", f16_model_bytes(graph, config)},
                   {"has_weights", model.artifact || model.checkpoint->has_weights()},
                   {"has_tokenizer", model.tokenizer != nullptr},
                   {"layers", layers},
                   {"fusion_groups", groups},
                   {"tensors", tensors}};
  if (model.artifact)
    json["artifact"] = {{"linear_bytes", model.artifact->linear_bytes()},
                        {"file_bytes", model.artifact->file_bytes()},
                        {"bits_per_weight", model.artifact->plan().predicted.bits_per_weight}};
  return json;
}

void print_text(const OpenedModel& model, const std::string& path) {
  const ModelConfig& config = model.config();
  const LayerGraph& graph = model.graph();
  fmt::print("{}: {} ({})\n", path, config.name, model.artifact ? "artifact" : model.checkpoint->kind());
  fmt::print("architecture   {}, {} blocks, hidden {}, intermediate {}\n", config.architecture, config.blocks,
             config.hidden, config.intermediate);
  fmt::print("attention      {} heads over {} key-value heads of {}\n", config.heads, config.kv_heads,
             config.head_dim);
  fmt::print("vocabulary     {} tokens{}, context up to {} tokens\n", config.vocabulary,
             config.tied_embeddings ? ", embeddings tied to the head" : "", config.max_positions);
  fmt::print("linears        {} with {} weights in the blocks\n", graph.linears.size(),
             graph.linear_weights());
  fmt::print("size in f16    {}\n", format_bytes(f16_model_bytes(graph, config)));
  if (model.artifact)
    fmt::print("quantized      {:.3f} bits per weight, {} of linears, {} on disk\n",
               model.artifact->plan().predicted.bits_per_weight, format_bytes(model.artifact->linear_bytes()),
               format_bytes(model.artifact->file_bytes()));
  else if (!model.checkpoint->has_weights())
    fmt::print("weights        none here: enough to plan with a sensitivity file\n");
  fmt::print("tokenizer      {}\n",
             model.tokenizer ? fmt::format("{} tokens", model.tokenizer->size()) : "none");
  fmt::print("\n{:<12} {:>8} {:>8}  rotation\n", "block 0", "in", "out");
  for (const LinearLayer& layer : graph.linears)
    if (layer.block == 0)
      fmt::print("{:<12} {:>8} {:>8}  {}\n", role_name(layer.role), layer.d_in, layer.d_out,
                 Rotation(layer.d_in, 0).description());
  if (model.artifact) fmt::print("\n{}", plan_table(model.artifact->plan(), graph));
}

void verify(const OpenedModel& model, const std::string& path) {
  if (!model.artifact) throw Error(ErrorKind::usage, "inspect: --verify: " + path + " is not an artifact");
  model.artifact->verify(make_control("verifying"));
  end_progress();
}

} // namespace

Verb inspect_verb() {
  return {{"inspect",
           "MODEL",
           "shows a model's architecture, layers, fusion groups and sizes",
           {{"--verify", "", "compare the checksum of every tensor of an artifact"}}},
          [](const Options& options) {
            const OpenedModel model = open_model(options.argument());
            if (options.has("--verify")) verify(model, options.argument());
            if (options.json())
              print_json(to_json(model, options.argument()));
            else
              print_text(model, options.argument());
          }};
}

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/layer_graph.h"

namespace intarsia {
namespace {

void add_block(LayerGraph& graph, const ModelConfig& config, std::size_t block) {
  const std::string prefix = "model.layers." + std::to_string(block) + ".";
  const bool qkv_bias = config.attention_bias || config.qkv_bias;
  const auto add = [&](const char* name, LinearRole role, std::size_t d_in, std::size_t d_out, bool bias,
                       const char* input) {
    graph.linears.push_back({prefix + name, role, block, d_in, d_out, bias, prefix + input});
  };
  graph.norms.push_back(prefix + "input_layernorm");
  add("self_attn.q_proj", LinearRole::q, config.hidden, config.attention_dim(), qkv_bias, "self_attn.input");
  add("self_attn.k_proj", LinearRole::k, config.hidden, config.kv_dim(), qkv_bias, "self_attn.input");
  add("self_attn.v_proj", LinearRole::v, config.hidden, config.kv_dim(), qkv_bias, "self_attn.input");
  add("self_attn.o_proj", LinearRole::o, config.attention_dim(), config.hidden, config.attention_bias,
      "self_attn.heads");
  graph.norms.push_back(prefix + "post_attention_layernorm");
  add("mlp.gate_proj", LinearRole::gate, config.hidden, config.intermediate, config.mlp_bias, "mlp.input");
  add("mlp.up_proj", LinearRole::up, config.hidden, config.intermediate, config.mlp_bias, "mlp.input");
  add("mlp.down_proj", LinearRole::down, config.intermediate, config.hidden, config.mlp_bias, "mlp.gated");
}

} // namespace

std::string_view role_name(LinearRole role) {
  switch (role) {
  case LinearRole::q:
    return "q";
  case LinearRole::k:
    return "k";
  case LinearRole::v:
    return "v";
  case LinearRole::o:
    return "o";
  case LinearRole::gate:
    return "gate";
  case LinearRole::up:
    return "up";
  case LinearRole::down:
    return "down";
  case LinearRole::head:
    return "head";
  case LinearRole::embedding:
    return "embedding";
  }
  return "";
}

bool in_vocabulary(const LinearLayer& layer) {
  return layer.role == LinearRole::embedding || layer.role == LinearRole::head;
}

std::vector<const LinearLayer*> LayerGraph::vocabulary_layers() const {
  std::vector<const LinearLayer*> layers{&embedding};
  if (head) layers.push_back(&*head);
  return layers;
}

std::vector<const LinearLayer*> LayerGraph::all_layers() const {
  auto layers = vocabulary_layers();
  for (const LinearLayer& linear : linears) layers.push_back(&linear);
  return layers;
}

const LinearLayer* LayerGraph::find(std::string_view name) const {
  for (const LinearLayer& linear : linears)
    if (linear.name == name) return &linear;
  for (const LinearLayer* layer : vocabulary_layers())
    if (layer->name == name) return layer;
  return nullptr;
}

std::size_t LayerGraph::linear_weights() const {
  std::size_t total = 0;
  for (const LinearLayer& linear : linears) total += linear.weights();
  return total;
}

LayerGraph build_layer_graph(const ModelConfig& config) {
  LayerGraph graph;
  for (std::size_t block = 0; block < config.blocks; ++block) add_block(graph, config, block);
  graph.norms.push_back("model.norm");
  const std::string head_input = "lm_head.input";
  graph.embedding = {"model.embed_tokens",
                     LinearRole::embedding,
                     0,
                     config.hidden,
                     config.vocabulary,
                     false,
                     config.tied_embeddings ? head_input : "model.embed_tokens.rows"};
  if (!config.tied_embeddings)
    graph.head = LinearLayer{"lm_head", LinearRole::head, config.blocks, config.hidden, config.vocabulary,
                             false,     head_input};
  return graph;
}

std::vector<FusionGroup> fusion_groups(const LayerGraph& graph) {
  std::vector<FusionGroup> groups;
  for (std::size_t first = 0; first < graph.linears.size();) {
    std::size_t end = first + 1; // linears that read the same input stand together
    while (end < graph.linears.size() && graph.linears[end].input == graph.linears[first].input) ++end;
    const std::size_t members = end - first;
    for (std::size_t subset = 1; subset < (std::size_t(1) << members); ++subset) {
      FusionGroup group;
      for (std::size_t i = 0; i < members; ++i)
        if (subset >> i & 1) group.members.push_back(first + i);
      groups.push_back(std::move(group));
    }
    first = end;
  }
  return groups;
}

} // namespace intarsia

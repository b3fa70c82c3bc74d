// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/layer_graph.h"

namespace intarsia {
namespace {

std::string block_prefix(std::size_t block) { return "model.layers." + std::to_string(block) + "."; }

// Every expert has an input of its own: it sees other tokens than the others, so its moments are its own too.
void add_experts(LayerGraph& graph, const ModelConfig& config, std::size_t block) {
  const std::string mlp = block_prefix(block) + "mlp.";
  graph.routers.push_back(
      {mlp + "gate", LinearRole::router, block, config.hidden, config.experts, false, mlp + "input"});
  const double share = double(config.experts_used) / double(config.experts);
  for (std::size_t expert = 0; expert < config.experts; ++expert) {
    const std::string prefix = mlp + "experts." + std::to_string(expert) + ".";
    const std::size_t hidden = config.hidden, inner = config.expert_intermediate;
    graph.linears.push_back({prefix + "gate_proj", LinearRole::gate, block, hidden, inner, false,
                             prefix + "input", expert, share});
    graph.linears.push_back(
        {prefix + "up_proj", LinearRole::up, block, hidden, inner, false, prefix + "input", expert, share});
    graph.linears.push_back({prefix + "down_proj", LinearRole::down, block, inner, hidden, false,
                             prefix + "gated", expert, share});
  }
}

void add_block(LayerGraph& graph, const ModelConfig& config, std::size_t block) {
  const std::string prefix = block_prefix(block);
  const BlockNorms norms = block_norms(config, block);
  const auto add_norm = [&](const std::string& name, std::size_t width) {
    if (!name.empty()) graph.norms.push_back({name, width});
  };
  const bool per_head = config.qk_norm == QkNorm::per_head;
  const bool qkv_bias = config.attention_bias || config.qkv_bias;
  const auto add = [&](const char* name, LinearRole role, std::size_t d_in, std::size_t d_out, bool bias,
                       const char* input) {
    graph.linears.push_back({prefix + name, role, block, d_in, d_out, bias, prefix + input});
  };
  add_norm(norms.before_attention, config.hidden);
  add("self_attn.q_proj", LinearRole::q, config.hidden, config.attention_dim(), qkv_bias, "self_attn.input");
  add("self_attn.k_proj", LinearRole::k, config.hidden, config.kv_dim(), qkv_bias, "self_attn.input");
  add("self_attn.v_proj", LinearRole::v, config.hidden, config.kv_dim(), qkv_bias, "self_attn.input");
  add("self_attn.o_proj", LinearRole::o, config.attention_dim(), config.hidden, config.attention_bias,
      "self_attn.heads");
  add_norm(norms.q, per_head ? config.head_dim : config.attention_dim());
  add_norm(norms.k, per_head ? config.head_dim : config.kv_dim());
  add_norm(norms.after_attention, config.hidden);
  add_norm(norms.before_mlp, config.hidden);
  if (config.has_experts(block)) {
    add_experts(graph, config, block);
  } else {
    add("mlp.gate_proj", LinearRole::gate, config.hidden, config.intermediate, config.mlp_bias, "mlp.input");
    add("mlp.up_proj", LinearRole::up, config.hidden, config.intermediate, config.mlp_bias, "mlp.input");
    add("mlp.down_proj", LinearRole::down, config.intermediate, config.hidden, config.mlp_bias, "mlp.gated");
  }
  add_norm(norms.after_mlp, config.hidden);
}

} // namespace

// Hugging Face's names: "post_attention_layernorm" stands before the MLP in models that have no norm behind
// attention, and behind attention in those that have.
BlockNorms block_norms(const ModelConfig& config, std::size_t block) {
  const std::string prefix = block_prefix(block);
  BlockNorms norms;
  if (config.norm_before) {
    norms.before_attention = prefix + "input_layernorm";
    norms.before_mlp =
        prefix + (config.norm_after ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  }
  if (config.norm_after) {
    norms.after_attention = prefix + "post_attention_layernorm";
    norms.after_mlp = prefix + "post_feedforward_layernorm";
  }
  if (config.qk_norm != QkNorm::none) {
    norms.q = prefix + "self_attn.q_norm";
    norms.k = prefix + "self_attn.k_norm";
  }
  return norms;
}

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
  case LinearRole::router:
    return "router";
  }
  return "";
}

bool in_vocabulary(const LinearLayer& layer) {
  return layer.role == LinearRole::embedding || layer.role == LinearRole::head;
}

bool is_planned(const LinearLayer& layer) { return layer.role != LinearRole::router; }

std::vector<const LinearLayer*> LayerGraph::vocabulary_layers() const {
  std::vector<const LinearLayer*> layers{&embedding};
  if (head) layers.push_back(&*head);
  return layers;
}

std::vector<const LinearLayer*> LayerGraph::all_layers() const {
  auto layers = vocabulary_layers();
  for (const LinearLayer& router : routers) layers.push_back(&router);
  for (const LinearLayer& linear : linears) layers.push_back(&linear);
  return layers;
}

const LinearLayer* LayerGraph::find(std::string_view name) const {
  for (const std::vector<LinearLayer>* list : {&linears, &routers})
    for (const LinearLayer& layer : *list)
      if (layer.name == name) return &layer;
  if (embedding.name == name) return &embedding;
  if (head && head->name == name) return &*head;
  return nullptr;
}

std::size_t LayerGraph::linear_weights() const {
  std::size_t total = 0;
  for (const LinearLayer& linear : linears) total += linear.weights();
  return total;
}

std::size_t LayerGraph::norm_weights() const {
  std::size_t total = 0;
  for (const NormLayer& norm : norms) total += norm.width;
  return total;
}

LayerGraph build_layer_graph(const ModelConfig& config) {
  LayerGraph graph;
  for (std::size_t block = 0; block < config.blocks; ++block) add_block(graph, config, block);
  graph.norms.push_back({"model.norm", config.hidden});
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

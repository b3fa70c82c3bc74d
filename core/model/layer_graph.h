// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which linears a model has, what each reads, and which may run fused. Names are Hugging Face's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model_config.h"

namespace intarsia {

enum class LinearRole { q, k, v, o, gate, up, down, head, embedding, router };
std::string_view role_name(LinearRole role); // "q", "gate", …

// y = W x (+ bias), W of shape [d_out, d_in], row-major.
struct LinearLayer {
  std::string name; // "model.layers.3.mlp.down_proj"; weight tensor is name + ".weight"
  LinearRole role;
  std::size_t block; // 0-based; the number of blocks for the head, 0 for the embedding
  std::size_t d_in;
  std::size_t d_out;
  bool bias;
  std::string input; // layers with the same input read the same activation: one rotation serves them all

  std::size_t expert = 0; // among the block's experts
  double read_share = 1;  // of all tokens, those whose decoding reads it: an expert's share of them

  std::size_t weights() const { return d_in * d_out; }
};

// The gain of an RMSNorm; its tensor is name + ".weight".
struct NormLayer {
  std::string name;
  std::size_t width;
};

// Names of a block's norms; empty where the family has none.
struct BlockNorms {
  std::string before_attention, after_attention; // of what attention reads, of what it adds
  std::string before_mlp, after_mlp;
  std::string q, k; // of the queries and keys, before they are rotated
};
BlockNorms block_norms(const ModelConfig& config, std::size_t block);

bool in_vocabulary(const LinearLayer& layer); // an embedding or a head, no linear of a block
bool is_planned(const LinearLayer& layer);    // whether a plan may quantize it: all but routers

struct LayerGraph {
  std::vector<LinearLayer> linears; // the blocks' linears, in order of execution
  // [vocabulary, hidden], read by rows. Where it is tied it is the head as well, and `input` is the head's.
  LinearLayer embedding;
  std::optional<LinearLayer> head; // absent when embeddings are tied
  std::vector<LinearLayer>
      routers; // [experts, hidden] of blocks with a mixture of experts; f16 in every plan
  std::vector<NormLayer> norms;

  std::vector<const LinearLayer*> vocabulary_layers() const; // the embedding, and the head if there is one
  std::vector<const LinearLayer*> all_layers() const;        // these, the routers, the blocks' linears
  const LinearLayer* find(std::string_view name) const;      // of all these; nullptr when unknown
  std::size_t linear_weights() const;                        // of the blocks' linears
  std::size_t norm_weights() const;
};

LayerGraph build_layer_graph(const ModelConfig& config);

// A set of linears (indices into LayerGraph::linears) that read the same input and may run as one kernel.
// Every linear alone is a group too. For q, k, v all seven subsets; for gate and up three (method: Q-Palette,
// section 5).
struct FusionGroup {
  std::vector<std::size_t> members;
};
std::vector<FusionGroup> fusion_groups(const LayerGraph& graph);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Hyper-parameters of a decoder-only transformer, from a Hugging Face config.json or from GGUF metadata. A
// block is described by data: what a family has beyond Llama is a field here, and the code that runs blocks
// asks for the field, never for the family (core/model/architectures).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

enum class Activation { silu, gelu_tanh };

enum class RopeScalingKind { none, linear, dynamic, llama3, yarn, longrope };

// How the rotary embedding's frequencies are stretched for long contexts (transformers'
// modeling_rope_utils.py; core/runtime/rope.cpp has the formulas).
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::none;
  double factor = 1;
  double low_frequency_factor = 1;       // llama3
  double high_frequency_factor = 4;      // llama3
  std::size_t original_positions = 8192; // the context that the model was first trained with
  double beta_fast = 32, beta_slow = 1;  // yarn: turns within the original context, where the blend ends
  bool whole_dimensions = true;          // yarn: the blend begins and ends at whole dimensions
  double magnitude = 1;                  // yarn, longrope: cosines and sines are multiplied by it
  std::vector<float> short_factors, long_factors; // longrope: divisors of the frequencies, by the context
};

// Which rotary embedding a block uses: none, the model's own, or a second one for windowed attention (base
// `local_rope_theta`, no scaling).
enum class RopeUse { none, global, local };

struct BlockAttention {
  std::size_t window = 0; // a token attends to itself and the window - 1 before it; 0: to all before it
  RopeUse rope = RopeUse::global;
};

// Gains of an RMSNorm of queries and keys: one for the dimensions of every head, or one for all heads' side
// by side.
enum class QkNorm { none, per_head, all_heads };

struct ModelConfig {
  std::string architecture; // Hugging Face model_type: "llama", …
  std::string name;         // for people: folder or file name, or GGUF general.name
  std::size_t hidden = 0;
  std::size_t intermediate = 0;
  std::size_t blocks = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t vocabulary = 0;
  std::size_t max_positions = 0;
  double rms_epsilon = 1e-5;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  std::vector<float> rope_divisors; // head_dim / 2 divisors from a GGUF; empty otherwise
  bool tied_embeddings = false;
  bool attention_bias = false; // q, k, v and o
  bool qkv_bias = false;       // q, k and v only (Qwen2 style)
  bool mlp_bias = false;
  std::vector<int> eos_tokens;
  int bos_token = -1; // -1: none

  // What some families have beyond Llama. The defaults are Llama's.
  Activation activation = Activation::silu;
  bool norm_before = true, norm_after = false; // RMSNorm of what attention and MLP read; of what they give
  QkNorm qk_norm = QkNorm::none;               // before the rotary embedding
  std::size_t rotary_dim = 0;                  // first dimensions of a head that are rotated; 0: all
  double local_rope_theta = 10000;             // of RopeUse::local
  std::vector<BlockAttention> attention;       // one a block; empty: everywhere the default
  double attention_scale = 0;                  // of query times key; 0: 1 / sqrt(head_dim)
  double attention_softcap = 0;                // scores become cap * tanh(score / cap); 0: as they are
  double embedding_multiplier = 1;             // of the embedding's rows
  double residual_multiplier = 1;              // of what attention and MLP add to the residual stream
  double logit_multiplier = 1;
  double logit_softcap = 0; // as attention_softcap, behind logit_multiplier
  // Mixture of experts: MLPs of which a router picks `experts_used` for every token. 0 experts: none.
  std::size_t experts = 0, experts_used = 0, expert_intermediate = 0;
  bool normalise_expert_weights = false; // the weights of those picked add up to 1
  std::vector<bool> dense_blocks;        // blocks that have a plain MLP all the same; empty: none has
  Json family_fields; // fields of config.json that only this family has, as they were; to_json keeps them

  std::size_t kv_dim() const { return kv_heads * head_dim; }
  std::size_t attention_dim() const { return heads * head_dim; }
  std::size_t rotated() const { return rotary_dim > 0 ? rotary_dim : head_dim; }
  double score_scale() const;
  bool has_experts(std::size_t block) const {
    return experts > 0 && (dense_blocks.empty() || !dense_blocks[block]);
  }
  BlockAttention attention_of(std::size_t block) const {
    return attention.empty() ? BlockAttention{} : attention[block];
  }
};

// Reads and checks a config.json: every size is bounded, divisibilities hold (heads by kv_heads). Throws
// Error naming `origin` and the field; Error{unsupported} for an unknown architecture, with the list of known
// ones, and for a field that would change what the model computes and that its family does not have.
ModelConfig parse_model_config(const Json& json, const std::string& origin);

// The config.json that parse_model_config reads back to the same config (for artifacts made from a GGUF).
OrderedJson to_json(const ModelConfig& config);

} // namespace intarsia

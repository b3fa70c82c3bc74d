// SPDX-License-Identifier: GPL-3.0-or-later
// Hyper-parameters of a transformer of the Llama family, from a Hugging Face config.json or from GGUF
// metadata.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

enum class RopeScalingKind { none, linear, llama3 };

// Llama 3's scaling: transformers' modeling_rope_utils.py, _compute_llama3_parameters. A GGUF carries the
// same as per-dimension divisors of the frequency (tensor rope_freqs.weight).
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::none;
  double factor = 1;
  double low_frequency_factor = 1;
  double high_frequency_factor = 4;
  std::size_t original_positions = 8192;
};

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

  std::size_t kv_dim() const { return kv_heads * head_dim; }
  std::size_t attention_dim() const { return heads * head_dim; }
};

// Reads and checks a config.json: every size is bounded, divisibilities hold (heads by kv_heads), activations
// are SiLU. Throws Error naming `origin` and the field; Error{unsupported} for an unknown architecture, with
// the list of known ones.
ModelConfig parse_model_config(const Json& json, const std::string& origin);

// The config.json that parse_model_config reads back to the same config (for artifacts made from a GGUF).
OrderedJson to_json(const ModelConfig& config);

} // namespace intarsia

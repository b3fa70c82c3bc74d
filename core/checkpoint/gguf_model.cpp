// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/checkpoint/gguf_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> block_names{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

const GgufTensor* find_tensor(const Gguf& gguf, std::string_view name) {
  for (const GgufTensor& tensor : gguf.tensors())
    if (tensor.name == name) return &tensor;
  return nullptr;
}

std::size_t vocabulary_size(const Gguf& gguf, const std::string& architecture) {
  const GgufTensor* embedding = find_tensor(gguf, "token_embd.weight");
  if (embedding && embedding->shape.size() == 2) return embedding->shape[0];
  return gguf.count(architecture + ".vocab_size", 1, 1u << 24);
}

// -1, or 2^32-1, in some files: there is none. The tokenizer warns of it.
int token_id(const Gguf& gguf, const std::string& key) {
  const double id = gguf.number_or(key, -1);
  return id >= 0 && id < double(1u << 24) ? int(id) : -1;
}

void check_rope_divisors(const Gguf& gguf) {
  const GgufTensor* divisors = find_tensor(gguf, "rope_freqs.weight");
  if (divisors && (divisors->shape.size() != 1 || divisors->dtype != DType::f32))
    throw input_error(gguf.origin() + ": tensor \"rope_freqs.weight\" is no vector of F32");
}

} // namespace

std::string hugging_face_name(std::string_view name) {
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  if (!name.starts_with("blk.")) return {};
  const auto number_end = name.find('.', 4);
  if (number_end == std::string_view::npos) return {};
  const auto suffix = name.rfind('.');
  if (suffix <= number_end) return {};
  const std::string_view part = name.substr(number_end + 1, suffix - number_end - 1);
  for (const auto& [gguf_name, hugging_face] : block_names)
    if (part == gguf_name)
      return "model.layers." + std::string(name.substr(4, number_end - 4)) + "." + std::string(hugging_face) +
             std::string(name.substr(suffix));
  return {};
}

ModelConfig gguf_model_config(const Gguf& gguf) {
  const std::string architecture = gguf.string("general.architecture");
  if (architecture != "llama" && architecture != "qwen2")
    throw Error(ErrorKind::unsupported,
                gguf.origin() + ": metadata \"general.architecture\" is \"" + architecture +
                    "\", an architecture this program does not know; it knows llama (Mistral too) and qwen2");
  if (gguf.has(architecture + ".expert_count") && gguf.count(architecture + ".expert_count", 0, 1u << 20) > 0)
    throw Error(ErrorKind::unsupported,
                gguf.origin() + ": is a mixture of experts, which is not supported yet");
  const auto key = [&](const char* name) { return architecture + "." + name; };
  const std::size_t heads = gguf.count(key("attention.head_count"), 1, 4096);
  const std::size_t hidden = gguf.count(key("embedding_length"), 1, 1u << 20);

  // Through config.json's own reader, so that both kinds of file meet the same checks.
  OrderedJson json{{"model_type", architecture},
                   {"_name_or_path", gguf.string_or("general.name", "")},
                   {"hidden_size", hidden},
                   {"intermediate_size", gguf.count(key("feed_forward_length"), 1, 1u << 20)},
                   {"num_hidden_layers", gguf.count(key("block_count"), 1, 4096)},
                   {"num_attention_heads", heads},
                   {"num_key_value_heads", gguf.count_or(key("attention.head_count_kv"), 1, 4096, heads)},
                   {"vocab_size", vocabulary_size(gguf, architecture)},
                   {"max_position_embeddings", gguf.count_or(key("context_length"), 1, 1u << 28, 2048)},
                   {"rms_norm_eps", gguf.number_or(key("attention.layer_norm_rms_epsilon"), 1e-5)},
                   {"rope_theta", gguf.number_or(key("rope.freq_base"), 10000)},
                   {"tie_word_embeddings", find_tensor(gguf, "output.weight") == nullptr}};
  if (gguf.has(key("attention.key_length")))
    json["head_dim"] = gguf.count(key("attention.key_length"), 2, 4096);
  const std::string scaling = gguf.string_or(key("rope.scaling.type"), "none");
  if (scaling == "linear")
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", gguf.number(key("rope.scaling.factor"))}};
  else if (scaling != "none")
    throw Error(ErrorKind::unsupported,
                gguf.origin() + ": RoPE scaling \"" + scaling + "\" is not supported yet");
  ModelConfig config = parse_model_config(Json(json), gguf.origin());
  if (gguf.count_or(key("rope.dimension_count"), 1, 4096, config.head_dim) != config.head_dim)
    throw Error(ErrorKind::unsupported,
                gguf.origin() + ": rotates only a part of each head, which is not supported");
  check_rope_divisors(gguf);
  config.bos_token = token_id(gguf, "tokenizer.ggml.bos_token_id");
  for (const char* name :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const int id = token_id(gguf, name);
        id >= 0 &&
        std::find(config.eos_tokens.begin(), config.eos_tokens.end(), id) == config.eos_tokens.end())
      config.eos_tokens.push_back(id);
  return config;
}

} // namespace intarsia

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

int token_id(const Gguf& gguf, const std::string& key) {
  return gguf.has(key) ? int(gguf.count(key, 0, 1u << 24)) : -1;
}

void check_rope_divisors(const Gguf& gguf) {
  const GgufTensor* divisors = find_tensor(gguf, "rope_freqs.weight");
  if (divisors && (divisors->shape.size() != 1 || divisors->dtype != DType::f32))
    throw input_error(gguf.origin() + ": tensor \"rope_freqs.weight\" is no vector of F32");
}

TokenType token_type(std::int64_t value, const std::string& origin) {
  switch (value) { // llama.cpp's enum llama_token_type
  case 1:
    return TokenType::normal;
  case 2:
    return TokenType::unknown;
  case 3:
    return TokenType::control;
  case 4:
    return TokenType::user_defined;
  case 5:
    return TokenType::unused;
  case 6:
    return TokenType::byte;
  default:
    break;
  }
  throw input_error(origin + ": metadata \"tokenizer.ggml.token_type\" holds an unknown type " +
                    std::to_string(value));
}

void read_merges(const Gguf& gguf, TokenizerSpec& spec) {
  for (const std::string& merge : gguf.strings("tokenizer.ggml.merges")) {
    const auto space = merge.find(' ', 1); // a piece may itself begin with a space
    if (space == std::string::npos)
      throw input_error(gguf.origin() + ": metadata \"tokenizer.ggml.merges\" holds \"" + merge +
                        "\", which is no pair");
    spec.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
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

TokenizerSpec gguf_tokenizer(const Gguf& gguf) {
  TokenizerSpec spec;
  spec.origin = gguf.origin();
  const std::string& model = gguf.string("tokenizer.ggml.model");
  if (model != "gpt2" && model != "llama")
    throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"tokenizer.ggml.model\" is \"" + model +
                                            "\"; gpt2 and llama are supported");
  spec.tokens = gguf.strings("tokenizer.ggml.tokens");
  if (gguf.has("tokenizer.ggml.token_type")) {
    for (const std::int64_t type : gguf.integers("tokenizer.ggml.token_type"))
      spec.types.push_back(token_type(type, gguf.origin()));
    if (spec.types.size() != spec.tokens.size())
      throw input_error(gguf.origin() +
                        ": metadata \"tokenizer.ggml.token_type\" and \"tokenizer.ggml.tokens\" have "
                        "different lengths");
  }
  const bool sentencepiece = model == "llama";
  if (sentencepiece) {
    spec.kind = TokenizerKind::sentencepiece_bpe;
    for (const double score : gguf.numbers("tokenizer.ggml.scores")) {
      if (!(std::abs(score) <= double(std::numeric_limits<float>::max()))) // merges are ordered by score
        throw input_error(gguf.origin() +
                          ": metadata \"tokenizer.ggml.scores\" holds a score that is not finite");
      spec.scores.push_back(float(score));
    }
    if (spec.scores.size() != spec.tokens.size())
      throw input_error(
          gguf.origin() +
          ": metadata \"tokenizer.ggml.scores\" and \"tokenizer.ggml.tokens\" have different lengths");
    spec.add_space_prefix = gguf.boolean_or("tokenizer.ggml.add_space_prefix", true);
  } else {
    const std::string pre = gguf.string_or("tokenizer.ggml.pre", "default");
    spec.split_patterns = split_patterns_of(pre, gguf.origin());
    spec.ignore_merges = pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
    spec.nfc = pre == "qwen2";
    read_merges(gguf, spec);
  }
  spec.bos = token_id(gguf, "tokenizer.ggml.bos_token_id");
  spec.eos = token_id(gguf, "tokenizer.ggml.eos_token_id");
  spec.unknown = token_id(gguf, "tokenizer.ggml.unknown_token_id");
  spec.pad = token_id(gguf, "tokenizer.ggml.padding_token_id");
  const std::string pre = gguf.string_or("tokenizer.ggml.pre", "default");
  const bool adds_bos_by_kind = sentencepiece || pre == "llama-bpe"; // llama.cpp's defaults (llama-vocab.cpp)
  spec.add_bos = gguf.boolean_or("tokenizer.ggml.add_bos_token", adds_bos_by_kind) && spec.bos >= 0;
  spec.add_eos = gguf.boolean_or("tokenizer.ggml.add_eos_token", false) && spec.eos >= 0;
  spec.chat_template = gguf.string_or("tokenizer.chat_template", "");
  return spec;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The tokenizer inside a GGUF (llama.cpp, llama-vocab.cpp).
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/gguf_tokenizer.h"
#include "core/text/stage_json.h"

namespace intarsia {
namespace {

TokenType token_type(std::int64_t value, TokenizerSpec& spec) {
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
  const std::string warning = spec.origin + ": metadata \"tokenizer.ggml.token_type\" holds the type " +
                              std::to_string(value) + ", which is taken as normal";
  if (spec.warnings.empty() || spec.warnings.back() != warning) spec.warnings.push_back(warning);
  return TokenType::normal;
}

void read_types(const Gguf& gguf, TokenizerSpec& spec) {
  if (!gguf.has("tokenizer.ggml.token_type")) return;
  for (const std::int64_t type : gguf.integers("tokenizer.ggml.token_type"))
    spec.types.push_back(token_type(type, spec));
  if (spec.types.size() != spec.tokens.size())
    throw input_error(gguf.origin() +
                      ": metadata \"tokenizer.ggml.token_type\" and \"tokenizer.ggml.tokens\" have "
                      "different lengths");
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

void read_scores(const Gguf& gguf, TokenizerSpec& spec) {
  if (!gguf.has("tokenizer.ggml.scores")) { // llama.cpp takes them as 0
    spec.warnings.push_back(gguf.origin() +
                            ": metadata \"tokenizer.ggml.scores\" is missing; all tokens count alike");
    spec.scores.assign(spec.tokens.size(), 0.0);
    return;
  }
  for (const double score : gguf.numbers("tokenizer.ggml.scores")) {
    if (!(std::abs(score) <= double(std::numeric_limits<float>::max()))) // merges are ordered by score
      throw input_error(gguf.origin() +
                        ": metadata \"tokenizer.ggml.scores\" holds a score that is not finite");
    spec.scores.push_back(score);
  }
  if (spec.scores.size() != spec.tokens.size())
    throw input_error(
        gguf.origin() +
        ": metadata \"tokenizer.ggml.scores\" and \"tokenizer.ggml.tokens\" have different lengths");
}

// "tokenizer.ggml.precompiled_charsmap": an array of bytes.
std::string charsmap_of(const Gguf& gguf) {
  std::string bytes;
  if (gguf.has("tokenizer.ggml.precompiled_charsmap"))
    for (const std::int64_t byte : gguf.integers("tokenizer.ggml.precompiled_charsmap"))
      bytes += char(static_cast<unsigned char>(byte));
  return bytes;
}

void set_sentencepiece(const Gguf& gguf, bool unigram, TokenizerSpec& spec) {
  spec.model = unigram ? TokenModelKind::sentencepiece_unigram : TokenModelKind::sentencepiece_bpe;
  spec.byte_fallback = std::find(spec.types.begin(), spec.types.end(), TokenType::byte) != spec.types.end();
  spec.fuse_unknown = true;
  read_scores(gguf, spec);
  spec.normalizer = {
      {"type", "SentencePiece"},
      {"add_dummy_prefix", gguf.boolean_or("tokenizer.ggml.add_space_prefix", true)},
      {"remove_extra_whitespaces", gguf.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false)}};
  spec.decoder = spec.normalizer;
  spec.normalizer["precompiled_charsmap"] = to_base64(charsmap_of(gguf));
}

// llama.cpp seeks control and user-defined tokens in the text before the model sees it.
void add_special_tokens(TokenizerSpec& spec) {
  for (std::size_t id = 0; id < spec.types.size(); ++id) {
    const TokenType type = spec.types[id];
    if ((type != TokenType::control && type != TokenType::user_defined) || spec.tokens[id].empty()) continue;
    AddedToken token;
    token.id = int(id);
    token.content = spec.tokens[id];
    token.special = type == TokenType::control;
    spec.added.push_back(std::move(token));
  }
}

// A special token's id. Some files write -1, or 2^32-1, for none, or an id that no token has: then it is what
// llama.cpp falls back on, `usual`.
int special_id(const Gguf& gguf, const char* name, int usual, TokenizerSpec& spec) {
  if (usual >= int(spec.tokens.size())) usual = -1;
  const std::string key = std::string("tokenizer.ggml.") + name + "_token_id";
  const GgufValue* value = gguf.find(key);
  if (!value) return usual;
  const auto* integer = std::get_if<std::int64_t>(value);
  const double id = integer ? double(*integer) : -1;
  if (id >= 0 && id < double(spec.tokens.size())) return int(id);
  spec.warnings.push_back(gguf.origin() + ": metadata \"" + key + "\" is outside the vocabulary of " +
                          std::to_string(spec.tokens.size()) + " and is " +
                          (usual < 0 ? "left out" : "taken as " + std::to_string(usual)));
  return usual;
}

void read_templates(const Gguf& gguf, TokenizerSpec& spec) {
  if (const GgufValue* value = gguf.find("tokenizer.chat_template")) {
    if (const auto* text = std::get_if<std::string>(value))
      spec.chat_template = *text;
    else
      spec.warnings.push_back(gguf.origin() +
                              ": metadata \"tokenizer.chat_template\" is no text, and is left out");
  }
  if (!gguf.has("tokenizer.chat_templates")) return;
  for (const std::string& name : gguf.strings("tokenizer.chat_templates"))
    if (const std::string key = "tokenizer.chat_template." + name; gguf.has(key))
      spec.chat_templates[name] = gguf.string(key);
}

} // namespace

TokenizerSpec gguf_tokenizer(const Gguf& gguf) {
  TokenizerSpec spec;
  spec.origin = gguf.origin();
  const std::string& model = gguf.string("tokenizer.ggml.model");
  if (model != "gpt2" && model != "llama" && model != "t5")
    throw Error(ErrorKind::unsupported, gguf.origin() + ": metadata \"tokenizer.ggml.model\" is \"" + model +
                                            "\"; gpt2, llama and t5 are supported");
  spec.tokens = gguf.strings("tokenizer.ggml.tokens");
  read_types(gguf, spec);
  bool adds_bos = model == "llama", adds_eos = model == "t5"; // llama.cpp's defaults
  if (model == "gpt2") {
    apply_gguf_pre_tokenizer(gguf.string_or("tokenizer.ggml.pre", "default"), spec);
    adds_bos = spec.add_bos;
    read_merges(gguf, spec);
  } else {
    set_sentencepiece(gguf, model == "t5", spec);
  }
  add_special_tokens(spec);
  const bool usual = gguf_has_usual_ids(gguf);
  spec.bos = special_id(gguf, "bos", usual ? 1 : -1, spec);
  spec.eos = special_id(gguf, "eos", usual ? 2 : -1, spec);
  spec.unknown = special_id(gguf, "unknown", usual ? 0 : -1, spec);
  spec.pad = special_id(gguf, "padding", -1, spec);
  spec.add_bos = gguf.boolean_or("tokenizer.ggml.add_bos_token", adds_bos) && spec.bos >= 0;
  spec.add_eos = gguf.boolean_or("tokenizer.ggml.add_eos_token", adds_eos) && spec.eos >= 0;
  read_templates(gguf, spec);
  return spec;
}

} // namespace intarsia

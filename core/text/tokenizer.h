// SPDX-License-Identifier: GPL-3.0-or-later
// Text to token ids and back: byte-level BPE (GPT-2 and its descendants) and SentencePiece-style BPE with
// byte fallback. Built from a TokenizerSpec, whatever file that came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

enum class TokenizerKind { byte_level_bpe, sentencepiece_bpe };
enum class TokenType : std::uint8_t { normal, unknown, control, user_defined, unused, byte };

// Everything that defines a tokenizer, as plain data. GGUF metadata fills it in core/checkpoint.
struct TokenizerSpec {
  TokenizerKind kind = TokenizerKind::byte_level_bpe;
  std::vector<std::string> tokens; // by id; byte-level tokens in GPT-2's printable alphabet, as in the files
  std::vector<TokenType> types;    // by id; empty: all normal
  std::vector<float> scores;       // SentencePiece only, by id
  std::vector<std::pair<std::string, std::string>> merges; // byte-level BPE, best first
  std::vector<std::string> split_patterns;        // pre-tokenizer regexes, applied in turn (PCRE2 syntax)
  std::string chat_template;                      // Jinja source; empty: none
  int bos = -1, eos = -1, unknown = -1, pad = -1; // -1: none
  bool add_bos = false;                           // by default encode() puts bos first
  bool add_eos = false;
  bool add_space_prefix = true; // SentencePiece: "Hello" is read as " Hello"
  bool prefix_once = false;     // … but text behind a special token gets no such space
  bool prefix_missing = false;  // … nor does text that begins with one already (Hugging Face's Metaspace)
  bool ignore_merges = false;   // Llama 3: a whole pre-token that is in the vocabulary wins over its merges
  bool nfc = false;             // normalise to NFC first (Qwen2)
  std::set<int> strip_left, strip_right; // control tokens that swallow the white space before or after them
  std::string origin;                    // file, for error messages
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  struct EncodeOptions {
    bool add_special = true;   // bos/eos as the spec says
    bool parse_special = true; // control tokens written out in the text become their ids
  };
  virtual std::vector<int> encode(std::string_view text, EncodeOptions options) const = 0;
  std::vector<int> encode(std::string_view text) const { return encode(text, EncodeOptions{}); }

  // The raw bytes of one token: a part of a UTF-8 character is possible. Control tokens give their own text.
  virtual std::string token_bytes(int id) const = 0;
  virtual bool is_control(int id) const = 0;
  // Bytes of all tokens joined, control tokens left out unless asked for; the inverse of encode for any valid
  // UTF-8.
  virtual std::string decode(const std::vector<int>& ids, bool keep_special = false) const = 0;

  virtual const TokenizerSpec& spec() const = 0;
  std::size_t size() const { return spec().tokens.size(); }
  virtual int find(std::string_view token) const = 0; // -1 when unknown
};

// Checks the spec (ids in range, merges made of known tokens, patterns compile). Throws Error naming
// spec.origin.
std::unique_ptr<Tokenizer> make_tokenizer(TokenizerSpec spec);

// Hugging Face tokenizer.json (with tokenizer_config.json, special_tokens_map.json, chat_template.jinja and
// generation_config.json beside it when they are there), else vocab.json + merges.txt, else tokenizer.model
// (a SentencePiece protobuf). Throws Error naming the folder when there is none.
TokenizerSpec read_tokenizer(const std::filesystem::path& folder);

// The pre-tokenizer regexes of a GGUF's tokenizer.ggml.pre ("default", "gpt-2", "llama-bpe", "qwen2",
// "smollm", …). Throws Error{unsupported} naming the unknown one.
std::vector<std::string> split_patterns_of(std::string_view ggml_pre, const std::string& origin);

// A tokenizer.json and tokenizer_config.json that read_tokenizer reads back to the same spec and that Hugging
// Face's tokenizers opens too: what an artifact made from a GGUF carries.
std::string to_tokenizer_json(const TokenizerSpec& spec);
std::string to_tokenizer_config_json(const TokenizerSpec& spec);

} // namespace intarsia

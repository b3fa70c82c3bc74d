// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Text to token ids and back. A tokenizer is a pipeline: added tokens are cut out, the rest is normalized,
// cut by the pre-tokenizer and made tokens by the model; a decoder goes the other way. Built from a
// TokenizerSpec, whatever file that came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

enum class TokenModelKind {
  bpe,               // merges by rank (tokenizer.json, GGUF gpt2)
  unigram,           // the likeliest cut by scores (tokenizer.json)
  word_piece,        // the longest known piece first (BERT)
  word_level,        // whole words
  sentencepiece_bpe, // merges by score (tokenizer.model, GGUF llama)
  sentencepiece_unigram,
};
enum class TokenType : std::uint8_t { normal, unknown, control, user_defined, unused, byte };

// A token that is sought in the text before the model sees it.
struct AddedToken {
  int id = -1;
  std::string content;
  bool special = false;                // a control token: left out of decoded text
  bool single_word = false;            // not inside a word
  bool lstrip = false, rstrip = false; // takes the white space before, behind it
  bool normalized = false;             // sought in the normalized text
  int stated_id = -1;                  // in the file, where `id` is another because that one was taken
};

// Everything that defines a tokenizer, as plain data. GGUF metadata fills it in core/checkpoint.
struct TokenizerSpec {
  TokenModelKind model = TokenModelKind::bpe;
  std::vector<std::string> tokens; // by id; byte-level tokens in GPT-2's printable alphabet, as in the files
  std::vector<TokenType> types;    // by id; empty: all normal
  std::vector<double> scores;      // by id, of the models that have them
  std::vector<std::pair<std::string, std::string>> merges; // best first
  std::vector<AddedToken> added;
  std::vector<bool> outside_model; // by id: an added token that the model itself does not know; empty: none

  bool byte_fallback = false; // unknown characters become byte tokens "<0x0A>"
  bool fuse_unknown = false;  // neighbouring unknown characters become one unknown token
  bool ignore_merges = false; // Llama 3: a whole piece that is in the vocabulary wins over its merges
  std::string subword_prefix, word_suffix; // "##" of continued words, "</w>" of their ends
  std::size_t longest_word = 100;          // WordPiece: characters; longer ones are unknown

  // The stages in tokenizer.json's own words, null for none. Our one word more: the normalizer and the
  // decoder "SentencePiece" (sentencepiece_normalizer.h).
  Json normalizer, pre_tokenizer, post_processor, decoder;

  std::string chat_template;                         // Jinja source; empty: none
  std::map<std::string, std::string> chat_templates; // further ones by name ("tool_use", "rag")
  int bos = -1, eos = -1, unknown = -1, pad = -1;    // -1: none
  bool add_bos = false;                              // by default encode() puts bos first,
  bool add_eos = false;                              // and eos last, where the post-processor does not say
  std::string origin;                                // file, for error messages
  std::vector<std::string> warnings;                 // what is odd in the files and was put right
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
  // The text of all tokens, control tokens left out unless asked for; the inverse of encode for any valid
  // UTF-8 where the normalizer loses nothing.
  virtual std::string decode(const std::vector<int>& ids, bool keep_special = false) const = 0;

  virtual const TokenizerSpec& spec() const = 0;
  std::size_t size() const { return spec().tokens.size(); }
  virtual int find(std::string_view token) const = 0; // -1 when unknown
};

// Checks the spec (merges made of known tokens, patterns compile, stages known). Throws Error naming
// spec.origin. What can be put right is, with a sentence in spec().warnings: special ids outside the
// vocabulary, scores that are missing.
std::unique_ptr<Tokenizer> make_tokenizer(TokenizerSpec spec);

// Takes away the tokens that a model with `rows` embeddings has none for, with a warning: some files add a
// padding token too many. Throws Error when tokens of the model itself would go.
void fit_to_embedding(TokenizerSpec& spec, std::size_t rows);

// Hugging Face tokenizer.json (with tokenizer_config.json, special_tokens_map.json, chat_template.jinja
// beside it when they are there), else vocab.json + merges.txt, else tokenizer.model (a SentencePiece
// protobuf). Throws Error naming the folder when there is none.
TokenizerSpec read_tokenizer(const std::filesystem::path& folder);
bool has_tokenizer(const std::filesystem::path& folder); // whether one of these is there

// The stages of a byte-level tokenizer whose words are cut by these regexes in turn.
void set_byte_level_stages(TokenizerSpec& spec, const std::vector<std::string>& patterns);

// Fills in what a GGUF's tokenizer.ggml.pre ("default", "gpt-2", "llama-bpe", "qwen2", …) means: the
// patterns, whether merges are ignored and a begin token is added. Throws Error{unsupported} naming the
// unknown one.
void apply_gguf_pre_tokenizer(std::string_view ggml_pre, TokenizerSpec& spec);

// A tokenizer.json and tokenizer_config.json that read_tokenizer reads back to the same spec and that Hugging
// Face's tokenizers opens too: what an artifact made from a GGUF carries.
std::string to_tokenizer_json(const TokenizerSpec& spec);
std::string to_tokenizer_config_json(const TokenizerSpec& spec);

} // namespace intarsia

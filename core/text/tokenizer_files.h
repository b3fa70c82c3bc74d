// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The files a tokenizer comes in; read_tokenizer() picks.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/text/tokenizer.h"

namespace intarsia {

// Hugging Face's tokenizer.json. Throws Error{unsupported} naming a model that this program does not know;
// the stages are checked when the tokenizer is made.
TokenizerSpec parse_tokenizer_json(const Json& json, const std::string& origin);

// A SentencePiece model (protobuf ModelProto, BPE or Unigram).
TokenizerSpec parse_sentencepiece_model(std::string_view bytes, const std::string& origin);

// GPT-2's merges.txt; the vocabulary from vocab.json when there is one, else the byte alphabet and then every
// merge in order, which is how such vocabularies are numbered.
TokenizerSpec read_merges_and_vocabulary(const std::filesystem::path& folder);

// Special tokens, chat templates and flags out of tokenizer_config.json, special_tokens_map.json,
// chat_template.json, chat_template.jinja and additional_chat_templates/, where they are there.
void add_tokenizer_config(const std::filesystem::path& folder, TokenizerSpec& spec);

// Puts a token of the model at an id, growing the vocabulary; throws when the id is out of all proportion.
void place_token(TokenizerSpec& spec, std::int64_t id, const std::string& text, TokenType type);

// Puts an added token at its id, or changes the flags of the one that is there.
void place_added_token(TokenizerSpec& spec, const AddedToken& token);
// From tokenizer.json's object: content and flags.
AddedToken added_token_of(const JsonObject& json, std::int64_t id);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/text/tokenizer_files.h"

namespace intarsia {
namespace {

int id_of(const TokenizerSpec& spec, const std::string& text) {
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  return found == spec.tokens.end() ? -1 : int(found - spec.tokens.begin());
}

void read_vocabulary(const JsonObject& model, TokenizerSpec& spec) {
  const JsonObject vocabulary = model.object("vocab");
  for (const auto& [token, id] : vocabulary.json().items()) {
    if (!id.is_number_integer())
      throw input_error(vocabulary.origin() + ": token \"" + token + "\" has no integer id");
    place_token(spec, id.get<std::int64_t>(), token, TokenType::normal);
  }
}

void read_merges(const JsonObject& model, TokenizerSpec& spec) {
  const Json& merges = model["merges"];
  if (!merges.is_array()) throw input_error(model.origin() + ": field \"merges\" is not a list");
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      spec.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const auto space = text.find(' ', 1);
    if (space == std::string::npos)
      throw input_error(model.origin() + ": field \"merges\" holds something that is not a pair");
    spec.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
}

void read_bpe(const JsonObject& model, TokenizerSpec& spec) {
  spec.model = TokenModelKind::bpe;
  read_vocabulary(model, spec);
  read_merges(model, spec);
  spec.ignore_merges = model.boolean_or("ignore_merges", false);
  spec.byte_fallback = model.boolean_or("byte_fallback", false);
  spec.fuse_unknown = model.boolean_or("fuse_unk", false);
  spec.subword_prefix = model.string_or("continuing_subword_prefix", "");
  spec.word_suffix = model.string_or("end_of_word_suffix", "");
  if (model.number_or("dropout", 0) > 0)
    throw Error(ErrorKind::unsupported, model.origin() +
                                            ": field \"dropout\" makes tokens by chance, which is not "
                                            "supported; set it to null");
}

// "vocab": [["piece", score], …] in order of the ids.
void read_unigram(const JsonObject& model, TokenizerSpec& spec) {
  spec.model = TokenModelKind::unigram;
  const Json& pieces = model["vocab"];
  if (!pieces.is_array()) throw input_error(model.origin() + ": field \"vocab\" is not a list");
  for (const Json& piece : pieces) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
      throw input_error(model.origin() +
                        ": field \"vocab\" holds something that is not a piece with its score");
    spec.scores.push_back(piece[1].get<double>());
    place_token(spec, std::int64_t(spec.tokens.size()), piece[0].get<std::string>(), TokenType::normal);
  }
  spec.byte_fallback = model.boolean_or("byte_fallback", false);
  spec.fuse_unknown = true;
  if (model.has("unk_id")) spec.unknown = int(model.count("unk_id", 0, spec.tokens.size() - 1));
}

void read_words(const JsonObject& model, TokenizerSpec& spec) {
  read_vocabulary(model, spec);
  if (spec.model == TokenModelKind::word_level) return;
  spec.subword_prefix = model.string_or("continuing_subword_prefix", "##");
  spec.longest_word = model.count_or("max_input_chars_per_word", 1, 1u << 20, 100);
}

// Old files do not name the model's type: the shape of its fields tells.
std::string model_type(const JsonObject& model) {
  if (model.has("type")) return model.string("type");
  if (model.has("vocab") && model["vocab"].is_array()) return "Unigram";
  return model.has("max_input_chars_per_word") ? "WordPiece" : "BPE";
}

void read_model(const JsonObject& root, TokenizerSpec& spec) {
  const JsonObject model = root.object("model");
  const std::string type = model_type(model);
  if (type == "BPE") {
    read_bpe(model, spec);
  } else if (type == "Unigram") {
    read_unigram(model, spec);
  } else if (type == "WordPiece" || type == "WordLevel") {
    spec.model = type == "WordPiece" ? TokenModelKind::word_piece : TokenModelKind::word_level;
    read_words(model, spec);
  } else {
    throw Error(ErrorKind::unsupported,
                spec.origin + ": a tokenizer model of type \"" + type + "\" is not supported");
  }
  if (type != "Unigram" && model.has("unk_token")) spec.unknown = id_of(spec, model.string("unk_token"));
}

// The ids that the model itself gives to added tokens, by their text, in one pass over its vocabulary.
std::unordered_map<std::string, int> ids_in_model(const JsonObject& model,
                                                  const std::vector<AddedToken>& added) {
  std::unordered_map<std::string, int> ids;
  const Json& vocabulary = model["vocab"];
  if (vocabulary.is_object()) {
    for (const AddedToken& token : added)
      if (const auto found = vocabulary.find(token.content); found != vocabulary.end())
        ids[token.content] = found->get<int>();
    return ids;
  }
  std::unordered_set<std::string_view> wanted;
  for (const AddedToken& token : added) wanted.insert(token.content);
  for (std::size_t id = 0; id < vocabulary.size(); ++id) { // of twins the last counts
    const auto& piece = vocabulary[id][0].get_ref<const std::string&>();
    if (wanted.contains(piece)) ids[piece] = int(id);
  }
  return ids;
}

// An added token that the model has too keeps the model's id, whatever the file states.
AddedToken at_its_id_in_model(AddedToken token, const std::unordered_map<std::string, int>& ids,
                              TokenizerSpec& spec) {
  const auto found = ids.find(token.content);
  if (found == ids.end() || found->second == token.id) return token;
  spec.warnings.push_back(spec.origin + ": added token \"" + token.content + "\" has id " +
                          std::to_string(token.id) + ", but the model's vocabulary gives it " +
                          std::to_string(found->second) + ", which holds");
  token.stated_id = token.id;
  token.id = found->second;
  return token;
}

// tokenizers gives an added token whose id another token of the model has the next free one.
AddedToken at_free_id(AddedToken token, TokenizerSpec& spec) {
  const auto id = std::size_t(token.id);
  const bool in_model =
      spec.outside_model.empty() || id >= spec.outside_model.size() || !spec.outside_model[id];
  if (id >= spec.tokens.size() || !in_model || spec.tokens[id].empty() || spec.tokens[id] == token.content)
    return token;
  spec.warnings.push_back(spec.origin + ": added token \"" + token.content + "\" has id " +
                          std::to_string(token.id) + ", which is that of \"" + spec.tokens[id] +
                          "\"; it gets the next free one");
  token.stated_id = token.id;
  token.id = int(spec.tokens.size());
  return token;
}

void place_added_tokens(const JsonObject& root, TokenizerSpec& spec) {
  std::vector<AddedToken> added;
  for (const Json& entry : root["added_tokens"]) {
    const JsonObject token(entry, spec.origin + ": added_tokens");
    added.push_back(added_token_of(token, token.integer("id")));
  }
  const auto ids = ids_in_model(root.object("model"), added);
  for (const AddedToken& token : added)
    place_added_token(spec, at_free_id(at_its_id_in_model(token, ids, spec), spec));
}

// A decoder that the file leaves out follows from the pre-tokenizer that it undoes.
Json decoder_of(const Json& pre_tokenizer) {
  if (!pre_tokenizer.is_object() || !pre_tokenizer.contains("type")) return nullptr;
  const Json& type = pre_tokenizer["type"];
  if (type == "ByteLevel") return {{"type", "ByteLevel"}};
  if (type == "Metaspace") {
    Json decoder = pre_tokenizer;
    return decoder;
  }
  if (type == "Sequence" && pre_tokenizer.contains("pretokenizers"))
    for (const Json& part : pre_tokenizer["pretokenizers"])
      if (const Json decoder = decoder_of(part); !decoder.is_null()) return decoder;
  return nullptr;
}

} // namespace

TokenizerSpec parse_tokenizer_json(const Json& json, const std::string& origin) {
  const JsonObject root(json, origin);
  TokenizerSpec spec;
  spec.origin = origin;
  read_model(root, spec);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) // those of vocabularies with byte_fallback
    if (spec.byte_fallback && spec.tokens[id].size() == 6 && spec.tokens[id].starts_with("<0x"))
      spec.types[id] = TokenType::byte;
  if (root.has("added_tokens")) place_added_tokens(root, spec);
  const auto stage = [&root](const char* field) {
    return root.has(field) ? root.object(field).json() : Json();
  };
  spec.normalizer = stage("normalizer");
  spec.pre_tokenizer = stage("pre_tokenizer");
  spec.post_processor = stage("post_processor");
  spec.decoder = root.has("decoder") ? stage("decoder") : decoder_of(spec.pre_tokenizer);
  if (spec.unknown < 0 && spec.model != TokenModelKind::unigram && root.object("model").has("unk_token"))
    spec.unknown = id_of(spec, root.object("model").string("unk_token"));
  return spec;
}

} // namespace intarsia

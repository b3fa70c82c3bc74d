// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/text/tokenizer_files.h"

namespace intarsia {
namespace {

constexpr std::int64_t largest_id = 1 << 21; // the largest vocabularies have some 2^18 tokens

[[noreturn]] void unsupported(const std::string& origin, const std::string& part, const std::string& type) {
  throw Error(ErrorKind::unsupported, origin + ": " + part + " of type \"" + type + "\" is not supported");
}

void read_model(const JsonObject& root, TokenizerSpec& spec) {
  const JsonObject model = root.object("model");
  const std::string type = model.string_or("type", "BPE");
  if (type != "BPE") unsupported(spec.origin, "a tokenizer model", type);
  const JsonObject vocabulary = model.object("vocab");
  for (const auto& [token, id] : vocabulary.json().items()) {
    if (!id.is_number_integer())
      throw input_error(vocabulary.origin() + ": token \"" + token + "\" has no integer id");
    place_token(spec, id.get<std::int64_t>(), token, TokenType::normal);
  }
  const Json& merges = model["merges"];
  if (!merges.is_array()) throw input_error(model.origin() + ": field \"merges\" is no list");
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      spec.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const auto space = text.find(' ', 1);
    if (space == std::string::npos)
      throw input_error(model.origin() + ": field \"merges\" holds something that is no pair");
    spec.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  spec.ignore_merges = model.boolean_or("ignore_merges", false);
  if (model.boolean_or("byte_fallback", false)) spec.kind = TokenizerKind::sentencepiece_bpe;
}

void read_normalizer(const JsonObject& normalizer, TokenizerSpec& spec) {
  const std::string type = normalizer.string("type");
  if (type == "NFC") {
    spec.nfc = true;
  } else if (type == "Sequence") {
    for (const Json& part : normalizer["normalizers"])
      read_normalizer(JsonObject(part, normalizer.origin()), spec);
  } else if (type == "Prepend") {
    spec.add_space_prefix = true;
  } else if (type != "Replace") { // Replace " " by U+2581 is what SentencePiece does anyway
    unsupported(spec.origin, "a normalizer", type);
  }
}

// A literal as a regex.
std::string quoted(const std::string& literal) {
  std::string pattern;
  for (const char c : literal) {
    if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c))) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void read_split(const JsonObject& split, TokenizerSpec& spec) {
  const std::string behaviour = split.string("behavior");
  if (behaviour != "Isolated" && !(behaviour == "Removed" && split.boolean_or("invert", false)))
    unsupported(spec.origin, "a Split pre-tokenizer", behaviour);
  const JsonObject pattern = split.object("pattern");
  spec.split_patterns.push_back(pattern.has("Regex") ? pattern.string("Regex")
                                                     : quoted(pattern.string("String")));
}

void read_pre_tokenizer(const JsonObject& pre, TokenizerSpec& spec) {
  const std::string type = pre.string("type");
  if (type == "Sequence") {
    for (const Json& part : pre["pretokenizers"]) read_pre_tokenizer(JsonObject(part, pre.origin()), spec);
  } else if (type == "ByteLevel") {
    if (pre.boolean_or("add_prefix_space", false))
      unsupported(spec.origin, "a ByteLevel pre-tokenizer", "add_prefix_space");
    if (pre.boolean_or("use_regex", true))
      spec.split_patterns.push_back(split_patterns_of("gpt-2", spec.origin)[0]);
  } else if (type == "Split") {
    read_split(pre, spec);
  } else if (type == "Digits") {
    spec.split_patterns.push_back(pre.boolean_or("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
  } else if (type == "Metaspace") {
    spec.kind = TokenizerKind::sentencepiece_bpe;
    spec.add_space_prefix =
        pre.string_or("prepend_scheme", "always") != "never" && pre.boolean_or("add_prefix_space", true);
    spec.prefix_once = pre.string_or("prepend_scheme", "always") == "first";
    spec.prefix_missing = true;
  } else {
    unsupported(spec.origin, "a pre-tokenizer", type);
  }
}

void read_added_tokens(const JsonObject& root, TokenizerSpec& spec) {
  if (!root.has("added_tokens")) return;
  for (const Json& entry : root["added_tokens"]) {
    const JsonObject token(entry, spec.origin + ": added_tokens");
    const auto id = token.integer("id");
    place_token(spec, id, token.string("content"),
                token.boolean_or("special", false) ? TokenType::control : TokenType::user_defined);
    if (token.boolean_or("lstrip", false)) spec.strip_left.insert(int(id));
    if (token.boolean_or("rstrip", false)) spec.strip_right.insert(int(id));
  }
}

// TemplateProcessing puts special tokens before and after the text.
void read_post_processor(const JsonObject& post, TokenizerSpec& spec) {
  const std::string type = post.string("type");
  if (type == "Sequence") {
    for (const Json& part : post["processors"]) read_post_processor(JsonObject(part, post.origin()), spec);
    return;
  }
  if (type != "TemplateProcessing") return;
  bool before = true;
  for (const Json& part : post["single"]) {
    const JsonObject piece(part, post.origin());
    if (piece.has("Sequence")) {
      before = false;
      continue;
    }
    const std::string text = piece.object("SpecialToken").string("id");
    for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.tokens[id] != text) continue;
      (before ? spec.bos : spec.eos) = int(id);
      (before ? spec.add_bos : spec.add_eos) = true;
    }
  }
}

void mark_byte_tokens(TokenizerSpec& spec) {
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (token.size() == 6 && token.starts_with("<0x") && token.ends_with('>'))
      spec.types[id] = TokenType::byte;
  }
}

} // namespace

void place_token(TokenizerSpec& spec, std::int64_t id, const std::string& text, TokenType type) {
  if (id < 0 || id > largest_id)
    throw input_error(spec.origin + ": token \"" + text + "\" has id " + std::to_string(id) +
                      ", which is out of range");
  if (std::size_t(id) >= spec.tokens.size()) {
    spec.tokens.resize(std::size_t(id) + 1);
    spec.types.resize(std::size_t(id) + 1, TokenType::unused);
    if (!spec.scores.empty()) spec.scores.resize(std::size_t(id) + 1);
  }
  spec.tokens[std::size_t(id)] = text;
  spec.types[std::size_t(id)] = type;
}

TokenizerSpec parse_tokenizer_json(const Json& json, const std::string& origin) {
  const JsonObject root(json, origin);
  TokenizerSpec spec;
  spec.origin = origin;
  spec.add_space_prefix = false;
  read_model(root, spec);
  if (root.has("normalizer")) read_normalizer(root.object("normalizer"), spec);
  if (root.has("pre_tokenizer")) read_pre_tokenizer(root.object("pre_tokenizer"), spec);
  if (spec.kind == TokenizerKind::sentencepiece_bpe) mark_byte_tokens(spec);
  read_added_tokens(root, spec);
  if (root.has("post_processor")) read_post_processor(root.object("post_processor"), spec);
  const JsonObject model = root.object("model");
  if (model.has("unk_token"))
    for (std::size_t id = 0; id < spec.tokens.size(); ++id)
      if (spec.tokens[id] == model.string("unk_token")) spec.unknown = int(id);
  return spec;
}

} // namespace intarsia

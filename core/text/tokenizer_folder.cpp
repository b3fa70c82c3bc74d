// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/text/byte_alphabet.h"
#include "core/text/post_processor.h"
#include "core/text/tokenizer_files.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_template_bytes = 1 << 20, max_templates = 64;

int id_of(const TokenizerSpec& spec, const std::string& text) {
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  return found == spec.tokens.end() ? -1 : int(found - spec.tokens.begin());
}

// "<s>", or {"content": "<s>", …}; empty for null, and with a warning for anything else.
std::string token_text(const JsonObject& config, const std::string& field, TokenizerSpec& spec) {
  if (!config.has(field)) return {};
  const Json& value = config[field];
  const Json& text = value.is_object() && value.contains("content") ? value["content"] : value;
  if (text.is_string()) return text.get<std::string>();
  if (value != false)
    spec.warnings.push_back(config.origin() + ": field \"" + field + "\" is not a token, and is left out");
  return {};
}

void read_special_tokens(const JsonObject& config, TokenizerSpec& spec) {
  const auto read = [&](const char* field, int& id) {
    const std::string text = token_text(config, field, spec);
    if (text.empty()) return;
    const int found = id_of(spec, text);
    if (found < 0) {
      spec.warnings.push_back(config.origin() + ": field \"" + field + "\" is \"" + text +
                              "\", which is not in the vocabulary, and is left out");
      return;
    }
    id = found;
    const bool known = std::any_of(spec.added.begin(), spec.added.end(),
                                   [id](const AddedToken& token) { return token.id == id; });
    if (known) return;
    AddedToken token;
    token.id = id;
    token.content = text;
    token.special = true;
    place_added_token(spec, token);
  };
  read("bos_token", spec.bos);
  read("eos_token", spec.eos);
  read("unk_token", spec.unknown);
  read("pad_token", spec.pad);
}

// A template, or a list of named ones; "default" is the chat's, or the first where there is none.
void read_chat_template(const JsonObject& config, TokenizerSpec& spec) {
  if (!config.has("chat_template")) return;
  const Json& value = config["chat_template"];
  if (value.is_string()) {
    spec.chat_template = value.get<std::string>();
    return;
  }
  if (value.is_object()) { // {"default": "…", "tool_use": "…"}
    for (const auto& [name, text] : value.items()) {
      if (!text.is_string())
        throw input_error(config.origin() + ": chat_template: \"" + name + "\" is not a template");
      if (name == "default" || spec.chat_template.empty()) spec.chat_template = text.get<std::string>();
      if (name != "default") spec.chat_templates[name] = text.get<std::string>();
    }
    return;
  }
  if (!value.is_array()) throw input_error(config.origin() + ": field \"chat_template\" is not a template");
  for (const Json& entry : value) {
    const JsonObject named(entry, config.origin() + ": chat_template");
    const std::string name = named.string("name");
    if (name == "default" || spec.chat_template.empty()) spec.chat_template = named.string("template");
    if (name != "default") spec.chat_templates[name] = named.string("template");
  }
}

// chat_template.json, chat_template.jinja, additional_chat_templates/NAME.jinja
void read_template_files(const fs::path& folder, TokenizerSpec& spec) {
  if (fs::exists(folder / "chat_template.json")) {
    const Json json = read_json_file(folder / "chat_template.json");
    read_chat_template(JsonObject(json, (folder / "chat_template.json").string()), spec);
  }
  if (fs::exists(folder / "chat_template.jinja"))
    spec.chat_template = read_text_file(folder / "chat_template.jinja", max_template_bytes);
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder / "additional_chat_templates", none))
    if (entry.path().extension() == ".jinja" && spec.chat_templates.size() < max_templates)
      spec.chat_templates[entry.path().stem().string()] = read_text_file(entry.path(), max_template_bytes);
}

void read_added_tokens_decoder(const JsonObject& config, TokenizerSpec& spec) {
  if (!config.has("added_tokens_decoder")) return;
  const JsonObject decoder = config.object("added_tokens_decoder");
  for (const auto& [key, value] : decoder.json().items()) {
    if (key.empty() || key.size() > 8 ||
        !std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      spec.warnings.push_back(decoder.origin() + ": \"" + key + "\" is not a token id, and is left out");
      continue;
    }
    const JsonObject token(value, decoder.origin());
    place_added_token(spec, added_token_of(token, std::stoi(key)));
  }
}

// Tokens put in after training, for vocabularies that come without a tokenizer.json.
void read_added_tokens_file(const fs::path& folder, TokenizerSpec& spec) {
  const fs::path file = folder / "added_tokens.json";
  if (!fs::exists(file)) return;
  const Json json = read_json_file(file);
  const JsonObject added(json, file.string());
  for (const auto& [token, id] : added.json().items())
    place_added_token(spec,
                      added_token_of(JsonObject({{"content", token}, {"normalized", false}}, added.origin()),
                                     added.integer(token)));
}

void choose_pre_tokenizer(const fs::path& folder, TokenizerSpec& spec) {
  std::string pre = "gpt-2";
  if (fs::exists(folder / "tokenizer_config.json")) {
    const Json json = read_json_file(folder / "tokenizer_config.json");
    const std::string kind = JsonObject(json, spec.origin).string_or("tokenizer_class", "");
    if (kind.starts_with("Qwen2")) pre = "qwen2";
  }
  apply_gguf_pre_tokenizer(pre, spec);
}

// Whether the begin (or end) token is put around a text: of the flag, and of a post-processor that says
// otherwise.
void set_frame(bool adds, int id, bool begin, TokenizerSpec& spec) {
  (begin ? spec.add_bos : spec.add_eos) = adds && id >= 0;
  const SpecialFrame frame = special_frame_of(spec);
  const std::vector<int>& tokens = begin ? frame.before : frame.behind;
  if (adds || tokens != std::vector<int>{id}) return;
  const bool other = !(begin ? frame.behind : frame.before).empty();
  spec.post_processor = nullptr; // it said no more than this token, and perhaps the one at the other end
  if (other) (begin ? spec.add_eos : spec.add_bos) = true;
}

} // namespace

TokenizerSpec read_merges_and_vocabulary(const fs::path& folder) {
  TokenizerSpec spec;
  spec.origin = (folder / "merges.txt").string();
  std::istringstream lines(read_text_file(folder / "merges.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    const auto space = line.find(' ');
    if (space == std::string::npos || space == 0)
      throw input_error(spec.origin + ": line \"" + line + "\" is not a pair");
    spec.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  if (fs::exists(folder / "vocab.json")) {
    const Json json = read_json_file(folder / "vocab.json");
    const JsonObject vocabulary(json, (folder / "vocab.json").string());
    for (const auto& [token, id] : vocabulary.json().items())
      place_token(spec, vocabulary.integer(token), token, TokenType::normal);
  } else {
    for (const std::uint8_t byte : byte_order_of_gpt2())
      place_token(spec, std::int64_t(spec.tokens.size()), byte_alphabet()[byte], TokenType::normal);
    for (const auto& [left, right] : spec.merges)
      place_token(spec, std::int64_t(spec.tokens.size()), left + right, TokenType::normal);
  }
  choose_pre_tokenizer(folder, spec);
  return spec;
}

namespace {

// tokenizer_config.json says the same: one that cannot be read is no reason to refuse the tokenizer.
void read_special_tokens_map(const fs::path& folder, TokenizerSpec& spec) {
  const fs::path file = folder / "special_tokens_map.json";
  if (!fs::exists(file)) return;
  try {
    const Json json = read_json_file(file);
    read_special_tokens(JsonObject(json, file.string()), spec);
  } catch (const Error& error) {
    spec.warnings.push_back(error.what() + std::string("; it is left out"));
  }
}

} // namespace

void add_tokenizer_config(const fs::path& folder, TokenizerSpec& spec) {
  read_special_tokens_map(folder, spec);
  if (fs::exists(folder / "tokenizer_config.json")) {
    const Json json = read_json_file(folder / "tokenizer_config.json");
    const JsonObject config(json, (folder / "tokenizer_config.json").string());
    read_added_tokens_decoder(config, spec);
    read_special_tokens(config, spec);
    read_chat_template(config, spec);
    // A SentencePiece model adds its begin token unless told otherwise; a tokenizer.json says it itself.
    if (config.has("add_bos_token")) set_frame(config.boolean("add_bos_token"), spec.bos, true, spec);
    if (config.has("add_eos_token")) set_frame(config.boolean("add_eos_token"), spec.eos, false, spec);
  }
  read_template_files(folder, spec);
}

bool has_tokenizer(const fs::path& folder) {
  for (const char* name :
       {"tokenizer.json", "merges.txt", "tokenizer.model"}) // a broken link is an error later
    if (fs::exists(fs::symlink_status(folder / name))) return true;
  return false;
}

TokenizerSpec read_tokenizer(const fs::path& folder) {
  TokenizerSpec spec;
  if (fs::exists(folder / "tokenizer.json")) {
    const fs::path file = folder / "tokenizer.json";
    spec = parse_tokenizer_json(read_json_file(file), file.string());
  } else if (fs::exists(folder / "merges.txt")) {
    spec = read_merges_and_vocabulary(folder);
    read_added_tokens_file(folder, spec);
  } else if (fs::exists(folder / "tokenizer.model")) {
    const fs::path file = folder / "tokenizer.model";
    spec = parse_sentencepiece_model(read_text_file(file), file.string());
    read_added_tokens_file(folder, spec);
  } else {
    throw input_error(folder.string() +
                      ": holds no tokenizer: neither tokenizer.json nor merges.txt nor tokenizer.model");
  }
  const int unknown = spec.unknown;
  add_tokenizer_config(folder, spec);
  if (spec.model == TokenModelKind::unigram)
    spec.unknown = unknown; // "unk_id" says it, or that there is none
  return spec;
}

} // namespace intarsia

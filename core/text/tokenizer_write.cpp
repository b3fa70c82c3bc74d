// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Writes a spec as Hugging Face's tokenizer.json and tokenizer_config.json.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

OrderedJson added_tokens(const TokenizerSpec& spec) {
  OrderedJson list = OrderedJson::array();
  std::vector<AddedToken> added = spec.added;
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  for (const AddedToken& token : added)
    list.push_back({{"id", token.id},
                    {"content", token.content},
                    {"single_word", token.single_word},
                    {"lstrip", token.lstrip},
                    {"rstrip", token.rstrip},
                    {"normalized", token.normalized},
                    {"special", token.special}});
  return list;
}

// A token that the model itself makes.
bool in_model(const TokenizerSpec& spec, std::size_t id) {
  return !spec.tokens[id].empty() && (spec.outside_model.empty() || !spec.outside_model[id]);
}

bool can_merge(const TokenizerSpec& spec, std::size_t id) {
  return in_model(spec, id) && (spec.types.empty() || spec.types[id] == TokenType::normal);
}

// SentencePiece scores say which merge is made first; a tokenizer.json lists the merges. Every way to cut a
// piece in two known pieces is one, in order of the merged piece's score.
std::vector<std::pair<std::string, std::string>> merges_of_scores(const TokenizerSpec& spec) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (can_merge(spec, id)) ids.emplace(spec.tokens[id], id);
  std::vector<std::size_t> order(spec.tokens.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return spec.scores[a] > spec.scores[b]; });
  std::vector<std::pair<std::string, std::string>> merges;
  for (const std::size_t id : order) {
    const std::string& token = spec.tokens[id];
    if (!can_merge(spec, id)) continue;
    for (std::size_t cut = read_utf8(token + " ", 0).length; cut < token.size();
         cut += read_utf8(token, cut).length) {
      const std::string left = token.substr(0, cut), right = token.substr(cut);
      if (ids.contains(left) && ids.contains(right)) merges.emplace_back(left, right);
    }
  }
  return merges;
}

// SentencePiece's normalizer and decoder in the words of tokenizer.json, as far as those reach.
void translate_sentencepiece(const TokenizerSpec& spec, Json& root) {
  const JsonObject rules(spec.normalizer, spec.origin);
  const bool prefix = rules.boolean_or("add_dummy_prefix", true);
  Json parts = Json::array();
  if (const std::string map = rules.string_or("precompiled_charsmap", ""); !map.empty())
    parts.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", map}});
  if (rules.boolean_or("remove_extra_whitespaces", false)) {
    parts.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    parts.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
  }
  if (prefix) parts.push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  parts.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}});
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", parts}};

  Json decoders = Json::array();
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  root["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
}

OrderedJson post_processor(const TokenizerSpec& spec) {
  if (!spec.add_bos && !spec.add_eos) return nullptr;
  OrderedJson single = OrderedJson::array(), pair = OrderedJson::array(), tokens = OrderedJson::object();
  const auto special = [&](int id) {
    const std::string& text = spec.tokens[std::size_t(id)];
    tokens[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
  };
  if (spec.add_bos && spec.bos >= 0) special(spec.bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (spec.add_eos && spec.eos >= 0) special(spec.eos);
  pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

std::string text_of(const TokenizerSpec& spec, int id) { return id < 0 ? "" : spec.tokens[std::size_t(id)]; }

Json bpe_model(const TokenizerSpec& spec) {
  const bool scored = spec.model == TokenModelKind::sentencepiece_bpe;
  Json merges = Json::array();
  for (const auto& [left, right] : scored ? merges_of_scores(spec) : spec.merges)
    merges.push_back({left, right});
  Json model{{"type", "BPE"},
             {"dropout", nullptr},
             {"fuse_unk", spec.fuse_unknown},
             {"byte_fallback", spec.byte_fallback},
             {"ignore_merges", spec.ignore_merges},
             {"merges", merges}};
  if (!spec.subword_prefix.empty()) model["continuing_subword_prefix"] = spec.subword_prefix;
  if (!spec.word_suffix.empty()) model["end_of_word_suffix"] = spec.word_suffix;
  return model;
}

Json vocabulary(const TokenizerSpec& spec) {
  Json by_text = Json::object(); // ordered_json looks keys up in linear time
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (in_model(spec, id)) by_text.emplace(spec.tokens[id], id);
  return by_text;
}

Json unigram_model(const TokenizerSpec& spec) {
  Json pieces = Json::array();
  for (std::size_t id = 0; id < spec.tokens.size() && in_model(spec, id); ++id)
    pieces.push_back({spec.tokens[id], spec.scores[id]});
  Json model{
      {"type", "Unigram"}, {"vocab", pieces}, {"byte_fallback", spec.byte_fallback}, {"unk_id", nullptr}};
  if (spec.unknown >= 0) model["unk_id"] = spec.unknown;
  return model;
}

Json model_of(const TokenizerSpec& spec) {
  if (spec.model == TokenModelKind::unigram || spec.model == TokenModelKind::sentencepiece_unigram)
    return unigram_model(spec);
  Json model = bpe_model(spec);
  if (spec.model == TokenModelKind::word_piece)
    model = {{"type", "WordPiece"},
             {"continuing_subword_prefix", spec.subword_prefix},
             {"max_input_chars_per_word", spec.longest_word}};
  if (spec.model == TokenModelKind::word_level) model = {{"type", "WordLevel"}};
  model["unk_token"] = spec.unknown >= 0 ? Json(text_of(spec, spec.unknown)) : Json(nullptr);
  model["vocab"] = vocabulary(spec);
  return model;
}

} // namespace

std::string to_tokenizer_json(const TokenizerSpec& spec) {
  Json root{{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added_tokens(spec)}};
  root["normalizer"] = spec.normalizer;
  root["pre_tokenizer"] = spec.pre_tokenizer;
  root["decoder"] = spec.decoder;
  if (spec.normalizer.is_object() && spec.normalizer.value("type", "") == "SentencePiece")
    translate_sentencepiece(spec, root);
  root["post_processor"] = spec.post_processor.is_null() ? Json(post_processor(spec)) : spec.post_processor;
  root["model"] = model_of(spec);
  // A GGUF or a protobuf may hold tokens that are no UTF-8; JSON cannot.
  return root.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_tokenizer_config_json(const TokenizerSpec& spec) {
  OrderedJson config{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  const auto add = [&](const char* field, int id) {
    if (id >= 0) config[field] = text_of(spec, id);
  };
  add("bos_token", spec.bos);
  add("eos_token", spec.eos);
  add("unk_token", spec.unknown);
  add("pad_token", spec.pad);
  if (spec.post_processor.is_null()) {
    config["add_bos_token"] = spec.add_bos;
    config["add_eos_token"] = spec.add_eos;
  }
  if (spec.chat_templates.empty()) {
    if (!spec.chat_template.empty()) config["chat_template"] = spec.chat_template;
  } else {
    OrderedJson named = OrderedJson::array();
    if (!spec.chat_template.empty()) named.push_back({{"name", "default"}, {"template", spec.chat_template}});
    for (const auto& [name, text] : spec.chat_templates)
      named.push_back({{"name", name}, {"template", text}});
    config["chat_template"] = named;
  }
  return config.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

} // namespace intarsia

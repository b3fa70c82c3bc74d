// SPDX-License-Identifier: GPL-3.0-or-later
// Writes a spec as Hugging Face's tokenizer.json and tokenizer_config.json.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/text/bpe_tokenizers.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

bool is_added(const TokenizerSpec& spec, std::size_t id) {
  return !spec.types.empty() &&
         (spec.types[id] == TokenType::control || spec.types[id] == TokenType::user_defined ||
          spec.types[id] == TokenType::unknown);
}

OrderedJson added_tokens(const TokenizerSpec& spec) {
  OrderedJson list = OrderedJson::array();
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (is_added(spec, id) && !spec.tokens[id].empty())
      list.push_back({{"id", id},
                      {"content", spec.tokens[id]},
                      {"single_word", false},
                      {"lstrip", spec.strip_left.contains(int(id))},
                      {"rstrip", spec.strip_right.contains(int(id))},
                      {"normalized", false},
                      {"special", spec.types[id] != TokenType::user_defined}});
  return list;
}

// SentencePiece scores say which merge is made first; a tokenizer.json lists the merges. Every way to cut a
// piece in two known pieces is one, in order of the merged piece's score.
std::vector<std::pair<std::string, std::string>> merges_of_scores(const TokenizerSpec& spec) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (!is_added(spec, id)) ids.emplace(spec.tokens[id], id);
  std::vector<std::size_t> order(spec.tokens.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return spec.scores[a] > spec.scores[b]; });
  std::vector<std::pair<std::string, std::string>> merges;
  for (const std::size_t id : order) {
    const std::string& token = spec.tokens[id];
    if (is_added(spec, id) || (!spec.types.empty() && spec.types[id] != TokenType::normal)) continue;
    for (std::size_t cut = read_utf8(token + " ", 0).length; cut < token.size();
         cut += read_utf8(token, cut).length) {
      const std::string left = token.substr(0, cut), right = token.substr(cut);
      if (ids.contains(left) && ids.contains(right)) merges.emplace_back(left, right);
    }
  }
  return merges;
}

OrderedJson pre_tokenizer(const TokenizerSpec& spec) {
  OrderedJson parts = OrderedJson::array();
  for (const std::string& pattern : spec.split_patterns)
    parts.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  parts.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", parts}};
}

OrderedJson metaspace(const TokenizerSpec& spec) {
  if (!spec.prefix_missing) return nullptr;
  const char* scheme = !spec.add_space_prefix ? "never" : spec.prefix_once ? "first" : "always";
  return {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", false}};
}

OrderedJson sentencepiece_normalizer(const TokenizerSpec& spec) {
  OrderedJson parts = OrderedJson::array();
  if (spec.prefix_missing) return nullptr; // the Metaspace pre-tokenizer does it all
  if (spec.add_space_prefix) parts.push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  parts.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}});
  return {{"type", "Sequence"}, {"normalizers", parts}};
}

OrderedJson sentencepiece_decoder(const TokenizerSpec& spec) {
  OrderedJson parts = OrderedJson::array();
  parts.push_back({{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}});
  parts.push_back({{"type", "ByteFallback"}});
  parts.push_back({{"type", "Fuse"}});
  if (spec.add_space_prefix)
    parts.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", parts}};
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

} // namespace

std::string to_tokenizer_json(const TokenizerSpec& spec) {
  const bool sentencepiece = spec.kind == TokenizerKind::sentencepiece_bpe;
  Json merges = Json::array();
  Json by_text = Json::object(); // ordered_json looks keys up in linear time
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (!spec.tokens[id].empty() && (spec.types.empty() || spec.types[id] != TokenType::unused))
      by_text.emplace(spec.tokens[id], id);
  for (const auto& [left, right] : sentencepiece&& spec.merges.empty() ? merges_of_scores(spec) : spec.merges)
    merges.push_back({left, right});

  Json model{{"type", "BPE"},
             {"dropout", nullptr},
             {"unk_token", nullptr},
             {"fuse_unk", sentencepiece},
             {"byte_fallback", sentencepiece},
             {"ignore_merges", spec.ignore_merges},
             {"vocab", by_text},
             {"merges", merges}};
  if (spec.unknown >= 0) model["unk_token"] = text_of(spec, spec.unknown);
  Json root{{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added_tokens(spec)}};
  root["normalizer"] = sentencepiece ? Json(sentencepiece_normalizer(spec))
                       : spec.nfc    ? Json{{"type", "NFC"}}
                                     : Json(nullptr);
  root["pre_tokenizer"] = Json(sentencepiece ? metaspace(spec) : pre_tokenizer(spec));
  root["post_processor"] = post_processor(spec);
  root["decoder"] = sentencepiece ? Json(sentencepiece_decoder(spec))
                                  : Json{{"type", "ByteLevel"},
                                         {"add_prefix_space", true},
                                         {"trim_offsets", true},
                                         {"use_regex", true}};
  root["model"] = model;
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
  config["add_bos_token"] = spec.add_bos;
  config["add_eos_token"] = spec.add_eos;
  if (!spec.chat_template.empty()) config["chat_template"] = spec.chat_template;
  return config.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

} // namespace intarsia

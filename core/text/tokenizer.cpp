// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The pipeline: added tokens, normalizer, pre-tokenizer, model; and the decoder back.
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/text/added_tokens.h"
#include "core/text/decoder.h"
#include "core/text/normalizer.h"
#include "core/text/post_processor.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/token_model.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

// A spec whose ids can be used: what is out of range is dropped with a warning, what makes no sense is an
// error.
TokenizerSpec checked(TokenizerSpec spec) {
  if (spec.tokens.empty()) throw input_error(spec.origin + ": the tokenizer has no tokens");
  if (!spec.types.empty() && spec.types.size() != spec.tokens.size())
    throw input_error(spec.origin + ": the tokenizer has not as many token types as tokens");
  const auto check = [&spec](int& id, const char* what) {
    if (id == -1 || (id >= 0 && std::size_t(id) < spec.tokens.size())) return;
    spec.warnings.push_back(spec.origin + ": the " + what + " token " + std::to_string(id) +
                            " is not in the vocabulary of " + std::to_string(spec.tokens.size()) +
                            " and is left out");
    id = -1;
  };
  check(spec.bos, "begin");
  check(spec.eos, "end");
  check(spec.unknown, "unknown");
  check(spec.pad, "padding");
  if (spec.bos < 0) spec.add_bos = false; // some files ask for a token that they do not name
  if (spec.eos < 0) spec.add_eos = false;
  const bool scored = spec.model == TokenModelKind::unigram ||
                      spec.model == TokenModelKind::sentencepiece_bpe ||
                      spec.model == TokenModelKind::sentencepiece_unigram;
  if (!std::all_of(spec.scores.begin(), spec.scores.end(), [](double score) { return std::isfinite(score); }))
    throw input_error(spec.origin + ": a token's score is not a finite number");
  if (scored && spec.scores.size() != spec.tokens.size())
    throw input_error(spec.origin + ": the tokenizer has no score for every token");
  std::erase_if(spec.added, [&spec](const AddedToken& token) {
    return token.id < 0 || std::size_t(token.id) >= spec.tokens.size();
  });
  return spec;
}

template <typename Stage>
std::unique_ptr<Stage> make_stage(const TokenizerSpec& spec, const Json& json,
                                  std::unique_ptr<Stage> (*make)(const JsonObject&)) {
  return json.is_null() ? nullptr : make(JsonObject(json, spec.origin));
}

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(TokenizerSpec spec)
      : spec_(checked(std::move(spec)))
      , vocabulary_(spec_)
      , model_(make_token_model(spec_, vocabulary_))
      , normalizer_(make_stage<Normalizer>(spec_, spec_.normalizer, make_normalizer))
      , pre_tokenizer_(make_stage<PreTokenizer>(spec_, spec_.pre_tokenizer, make_pre_tokenizer))
      , decoder_(make_stage<Decoder>(spec_, spec_.decoder, make_decoder))
      , frame_(special_frame_of(spec_))
      , added_(tokens_where(false))
      , added_normalized_(tokens_where(true))
      , kinds_(spec_.tokens.size(), Kind::model) {
    if (frame_.before.empty() && spec_.add_bos) frame_.before = {spec_.bos};
    if (frame_.behind.empty() && spec_.add_eos) frame_.behind = {spec_.eos};
    for (const AddedToken& token : spec_.added) {
      kinds_[std::size_t(token.id)] = token.special ? Kind::control : Kind::added;
      added_ids_.emplace(token.content, token.id);
      if (token.normalized && normalizer_) normalized_[token.id] = normalizer_->normalize(token.content);
    }
  }

  std::vector<int> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<int> ids;
    if (options.add_special) ids = frame_.before;
    const std::string valid = to_valid_utf8(text);
    bool at_start = true;
    for (const TextPart& part : added_.cut(valid, options.parse_special)) {
      if (part.added >= 0)
        ids.push_back(part.added);
      else
        encode_text(std::string(part.text), at_start, options.parse_special, ids);
      at_start = false;
    }
    if (options.add_special) ids.insert(ids.end(), frame_.behind.begin(), frame_.behind.end());
    return ids;
  }

  std::string token_bytes(int id) const override {
    if (!valid(id)) return {};
    if (!decoder_) return " " + text_of(id); // as in decode(), but for the first
    const bool plain = kinds_[std::size_t(id)] != Kind::model && !normalized_.contains(id);
    return plain ? text_of(id) : decoder_->piece(text_of(id));
  }

  bool is_control(int id) const override { return valid(id) && kinds_[std::size_t(id)] == Kind::control; }

  std::string decode(const std::vector<int>& ids, bool keep_special) const override {
    std::vector<TokenText> tokens;
    for (const int id : ids)
      if (valid(id) && (keep_special || !is_control(id)))
        tokens.push_back({text_of(id), kinds_[std::size_t(id)] != Kind::model});
    if (decoder_) decoder_->decode(tokens);
    std::string text;
    for (const TokenText& token : tokens) {
      if (!decoder_ && !text.empty()) text += ' '; // tokenizers puts spaces between what nothing decodes
      text += token.text;
    }
    return text;
  }

  const TokenizerSpec& spec() const override { return spec_; }

  int find(std::string_view token) const override {
    if (const auto added = added_ids_.find(token); added != added_ids_.end()) return added->second;
    return vocabulary_.find(token);
  }

 private:
  enum class Kind : std::uint8_t { model, added, control };

  bool valid(int id) const { return id >= 0 && std::size_t(id) < spec_.tokens.size(); }

  // A token that was sought in normalized text stands for that.
  const std::string& text_of(int id) const {
    const auto found = normalized_.find(id);
    return found == normalized_.end() ? spec_.tokens[std::size_t(id)] : found->second;
  }

  std::vector<AddedToken> tokens_where(bool normalized) const {
    std::vector<AddedToken> tokens;
    for (AddedToken token : spec_.added) {
      if (token.normalized != normalized) continue;
      if (normalized && normalizer_) token.content = normalizer_->normalize(token.content);
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

  void encode_text(std::string text, bool at_start, bool parse_special, std::vector<int>& ids) const {
    if (normalizer_) text = normalizer_->normalize(std::move(text));
    for (const TextPart& part : added_normalized_.cut(text, parse_special)) {
      if (part.added >= 0)
        ids.push_back(part.added);
      else
        encode_words(part.text, at_start, ids);
      at_start = false;
    }
  }

  void encode_words(std::string_view text, bool at_start, std::vector<int>& ids) const {
    if (!pre_tokenizer_) return model_->encode(text, ids);
    std::vector<TextPiece> pieces;
    pieces.push_back({std::string(text), at_start});
    for (const TextPiece& piece : pre_tokenizer_->split(std::move(pieces))) model_->encode(piece.text, ids);
  }

  TokenizerSpec spec_;
  Vocabulary vocabulary_;
  std::unique_ptr<TokenModel> model_;
  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  std::unique_ptr<Decoder> decoder_;
  SpecialFrame frame_;
  AddedTokenFinder added_, added_normalized_;
  std::unordered_map<std::string_view, int> added_ids_; // views into spec_
  std::unordered_map<int, std::string> normalized_;     // added tokens by id
  std::vector<Kind> kinds_;
};

} // namespace

std::unique_ptr<Tokenizer> make_tokenizer(TokenizerSpec spec) {
  return std::make_unique<Pipeline>(std::move(spec));
}

void fit_to_embedding(TokenizerSpec& spec, std::size_t rows) {
  if (spec.tokens.size() <= rows) return;
  for (std::size_t id = rows; id < spec.tokens.size(); ++id) {
    const bool added = std::any_of(spec.added.begin(), spec.added.end(),
                                   [id](const AddedToken& token) { return token.id == int(id); });
    if (!added && !spec.tokens[id].empty())
      throw input_error(spec.origin + ": has " + std::to_string(spec.tokens.size()) +
                        " tokens, but the model only " + std::to_string(rows) +
                        "; this tokenizer belongs to another model");
  }
  for (AddedToken& token :
       spec.added) // the free id it was given is none of the model's: what its file says is
    if (std::size_t(token.id) >= rows && token.stated_id >= 0) token.id = token.stated_id;
  const std::size_t left_out =
      std::erase_if(spec.added, [rows](const AddedToken& token) { return std::size_t(token.id) >= rows; });
  if (left_out > 0)
    spec.warnings.push_back(spec.origin + ": " + std::to_string(left_out) +
                            " added tokens lie beyond the model's " + std::to_string(rows) +
                            " and are left out");
  spec.tokens.resize(rows);
  if (!spec.types.empty()) spec.types.resize(rows);
  if (!spec.scores.empty()) spec.scores.resize(rows);
  if (!spec.outside_model.empty()) spec.outside_model.resize(rows);
  for (int* id : {&spec.bos, &spec.eos, &spec.unknown, &spec.pad})
    if (*id >= 0 && std::size_t(*id) >= rows) *id = -1;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/token_model.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>
#include <iterator>

namespace intarsia {

int byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

Vocabulary::Vocabulary(const TokenizerSpec& spec)
    : spec_(spec)
    , slots_(std::bit_ceil(2 * spec.tokens.size() + 1), -1) {
  byte_tokens_.fill(-1);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (token.empty()) continue; // a hole in the numbering
    if (!spec.outside_model.empty() && spec.outside_model[id]) continue;
    std::int32_t& slot = slots_[slot_of(token)];
    const bool last_counts = spec.model == TokenModelKind::unigram; // of twins; as tokenizers has it
    if (slot < 0 || last_counts) slot = std::int32_t(id);
    if (const int byte = byte_of_token(token); byte >= 0 && byte_tokens_[std::size_t(byte)] < 0)
      byte_tokens_[std::size_t(byte)] = int(id);
  }
}

std::size_t Vocabulary::slot_of(std::string_view token) const {
  std::size_t slot = std::hash<std::string_view>()(token) & (slots_.size() - 1);
  while (slots_[slot] >= 0 && spec_.tokens[std::size_t(slots_[slot])] != token)
    slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

int Vocabulary::find(std::string_view token) const { return slots_[slot_of(token)]; }

std::vector<int> Vocabulary::ids() const {
  std::vector<int> ids;
  std::copy_if(slots_.begin(), slots_.end(), std::back_inserter(ids), [](int id) { return id >= 0; });
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool Vocabulary::append_bytes(std::string_view text, std::vector<int>& ids) const {
  const std::size_t before = ids.size();
  for (const char c : text) {
    const int id = byte_token(static_cast<unsigned char>(c));
    if (id < 0) {
      ids.resize(before);
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

std::unique_ptr<TokenModel> make_token_model(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  switch (spec.model) {
  case TokenModelKind::bpe:
    return make_bpe_model(spec, vocabulary);
  case TokenModelKind::unigram:
  case TokenModelKind::sentencepiece_unigram:
    return make_unigram_model(spec, vocabulary);
  case TokenModelKind::word_piece:
    return make_word_piece_model(spec, vocabulary);
  case TokenModelKind::word_level:
    return make_word_level_model(spec, vocabulary);
  case TokenModelKind::sentencepiece_bpe:
    break;
  }
  return make_sentencepiece_bpe_model(spec, vocabulary);
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/sentencepiece_pieces.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace intarsia {

SentencePieces::SentencePieces(const TokenizerSpec& spec, const Vocabulary& vocabulary)
    : spec_(spec)
    , vocabulary_(vocabulary) {
  for (const int id : vocabulary.ids())
    if (is_user_defined(id))
      longest_user_defined_ = std::max(longest_user_defined_, spec.tokens[std::size_t(id)].size());
}

int SentencePieces::find(std::string_view text) const {
  const int id = vocabulary_.find(text);
  if (id < 0) return -1;
  const TokenType kind = type(id);
  return kind == TokenType::normal || kind == TokenType::user_defined || kind == TokenType::unused ? id : -1;
}

SentencePieces::Start SentencePieces::start_at(std::string_view text) const {
  for (std::size_t length = std::min(longest_user_defined_, text.size()); length > 0; --length)
    if (const int id = vocabulary_.find(text.substr(0, length)); id >= 0 && is_user_defined(id))
      return {length, id, true};
  const std::size_t length = read_utf8(text, 0).length;
  return {length, find(text.substr(0, length)), false};
}

bool SentencePieces::put_out_unknown(std::string_view text, bool after_unknown, std::vector<int>& ids) const {
  if (spec_.byte_fallback && vocabulary_.append_bytes(text, ids)) return true;
  if (spec_.unknown < 0) return false;
  if (!(after_unknown && spec_.fuse_unknown)) ids.push_back(spec_.unknown);
  return true;
}

} // namespace intarsia

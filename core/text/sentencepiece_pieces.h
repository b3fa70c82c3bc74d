// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What SentencePiece's two models share: which pieces text can become, and what unknown text becomes.
#pragma once

#include <string_view>
#include <vector>

#include "core/text/token_model.h"

namespace intarsia {

class SentencePieces {
 public:
  SentencePieces(const TokenizerSpec& spec, const Vocabulary& vocabulary);

  // A piece that text can become: normal, user-defined or unused; -1 for any other text.
  int find(std::string_view text) const;
  bool is_unused(int id) const { return type(id) == TokenType::unused; }
  bool is_user_defined(int id) const { return type(id) == TokenType::user_defined; }

  // What the text begins with: the longest user-defined piece, frozen, or one character.
  struct Start {
    std::size_t length = 1;
    int id = -1;
    bool frozen = false;
  };
  Start start_at(std::string_view text) const;

  // Bytes, or the unknown token unless the one before is it already. False where the vocabulary has neither.
  bool put_out_unknown(std::string_view text, bool after_unknown, std::vector<int>& ids) const;

 private:
  TokenType type(int id) const {
    return spec_.types.empty() ? TokenType::normal : spec_.types[std::size_t(id)];
  }

  const TokenizerSpec& spec_;
  const Vocabulary& vocabulary_;
  std::size_t longest_user_defined_ = 0;
};

} // namespace intarsia

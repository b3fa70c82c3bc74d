// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The part of a tokenizer that makes tokens of a piece of text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.h"

namespace intarsia {

// The tokens that the model itself knows, by text; the spec must outlive it.
class Vocabulary {
 public:
  explicit Vocabulary(const TokenizerSpec& spec);
  int find(std::string_view token) const; // -1 when unknown
  // The token "<0x0A>" of a byte; -1 without.
  int byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
  // Appends the byte tokens of a text. False, and nothing appended, when one is missing.
  bool append_bytes(std::string_view text, std::vector<int>& ids) const;
  // The ids of all of them, in order.
  std::vector<int> ids() const;

 private:
  std::size_t slot_of(std::string_view token) const; // its own, or the empty one that it would take

  const TokenizerSpec& spec_;
  // Open addressing over the spec's tokens: -1, or an id. A map of views takes six times the memory.
  std::vector<std::int32_t> slots_;
  std::array<int, 256> byte_tokens_{};
};

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual void encode(std::string_view piece, std::vector<int>& ids) const = 0;
};

// The spec must outlive the model. Each throws Error naming spec.origin for a spec that makes no sense.
std::unique_ptr<TokenModel> make_token_model(const TokenizerSpec& spec, const Vocabulary& vocabulary);
std::unique_ptr<TokenModel> make_bpe_model(const TokenizerSpec& spec, const Vocabulary& vocabulary);
std::unique_ptr<TokenModel> make_sentencepiece_bpe_model(const TokenizerSpec& spec,
                                                         const Vocabulary& vocabulary);
std::unique_ptr<TokenModel> make_unigram_model(const TokenizerSpec& spec, const Vocabulary& vocabulary);
std::unique_ptr<TokenModel> make_word_piece_model(const TokenizerSpec& spec, const Vocabulary& vocabulary);
std::unique_ptr<TokenModel> make_word_level_model(const TokenizerSpec& spec, const Vocabulary& vocabulary);

// The byte of "<0x0A>"; -1 for any other token.
int byte_of_token(std::string_view token);

} // namespace intarsia

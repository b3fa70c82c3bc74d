// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

// A token on its way back to text.
struct TokenText {
  std::string text;
  bool added = false; // an added token: text as it stands
};

// Tokens to text: decode() rewrites the list of all tokens, whose texts are joined at the end; piece() gives
// the bytes of one token by itself, for streams. Bytes that are no UTF-8 by themselves are kept.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void decode(std::vector<TokenText>& tokens) const = 0;
  virtual std::string piece(std::string token) const = 0;
};

// From tokenizer.json's object. Throws Error{unsupported} naming `origin` and a type or field it does not
// know.
std::unique_ptr<Decoder> make_decoder(const JsonObject& json);

} // namespace intarsia

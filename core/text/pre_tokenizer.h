// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

// A piece of normalized text on its way to the model.
struct TextPiece {
  std::string text;
  bool at_start = false; // it begins where the whole text begins
};

// Cuts pieces into smaller ones, and may rewrite them. Valid UTF-8 in and out; no piece is empty.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual std::vector<TextPiece> split(std::vector<TextPiece> pieces) const = 0;
};

// From tokenizer.json's object. Throws Error{unsupported} naming `origin` and a type or field it does not
// know.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonObject& json);

// The words of GPT-2 as a regex, which ByteLevel uses.
extern const char* const gpt2_pattern;

} // namespace intarsia

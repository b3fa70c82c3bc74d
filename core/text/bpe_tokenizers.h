// SPDX-License-Identifier: GPL-3.0-or-later
// The two kinds of tokenizer; make_tokenizer() picks.
#pragma once

#include <memory>

#include "core/text/tokenizer.h"

namespace intarsia {

std::unique_ptr<Tokenizer> make_byte_level_tokenizer(TokenizerSpec spec);
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(TokenizerSpec spec);

// Ranks of merges by their pair of texts: "left\0right", as one key.
std::string merge_key(std::string_view left, std::string_view right);

} // namespace intarsia

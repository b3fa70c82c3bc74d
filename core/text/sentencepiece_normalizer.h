// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// SentencePiece's own normalizer and decoder, as one stage each: tokenizer.json's parts cannot say all of it.
//   {"type": "SentencePiece", "precompiled_charsmap": base64, "add_dummy_prefix": bool,
//    "remove_extra_whitespaces": bool, "escape_whitespaces": bool, "treat_whitespace_as_suffix": bool,
//    "user_defined": [pieces that the map leaves alone], "unknown": the unknown piece (decoder)}
#pragma once

#include "core/text/normalizer.h"

namespace intarsia {

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const JsonObject& json);

constexpr std::string_view space_mark = "\xE2\x96\x81"; // U+2581, a space inside a token

} // namespace intarsia

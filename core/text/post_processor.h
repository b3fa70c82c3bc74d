// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "core/text/tokenizer.h"

namespace intarsia {

// The tokens that go before and behind a text.
struct SpecialFrame {
  std::vector<int> before, behind;
};

// From the spec's post-processor (TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel,
// Sequence). Throws Error{unsupported} naming a type it does not know, Error{input} for a token that there is
// not.
SpecialFrame special_frame_of(const TokenizerSpec& spec);

} // namespace intarsia

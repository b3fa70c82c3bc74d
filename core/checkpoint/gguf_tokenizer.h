// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a GGUF's metadata says of the tokenizer, in this program's terms.
#pragma once

#include "core/checkpoint/gguf.h"
#include "core/text/tokenizer.h"

namespace intarsia {

// Throws Error{unsupported} for a tokenizer model other than "gpt2" and "llama".
TokenizerSpec gguf_tokenizer(const Gguf& gguf);

} // namespace intarsia

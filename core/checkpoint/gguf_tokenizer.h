// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Reads a TokenizerSpec from the metadata of a GGUF (llama.cpp, llama-vocab.cpp).
#pragma once

#include "core/checkpoint/gguf.h"
#include "core/text/tokenizer.h"

namespace intarsia {

// tokenizer.ggml.model: "gpt2" (byte-level BPE) or "llama" (SentencePiece). Throws Error{unsupported} for any
// other, Error{input} naming a key that is missing or inconsistent.
TokenizerSpec gguf_tokenizer(const Gguf& gguf);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cstdint>
#include <span>

#include "core/base/error.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/gguf_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const intarsia::Gguf gguf(bytes, "fuzz");
    if (gguf.has("tokenizer.ggml.model")) intarsia::make_tokenizer(intarsia::gguf_tokenizer(gguf));
    intarsia::gguf_model_config(gguf, {bytes});
  } catch (const intarsia::Error&) {
  }
  return 0;
}

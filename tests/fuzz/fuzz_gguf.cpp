// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdint>
#include <span>

#include "core/base/error.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const intarsia::Gguf gguf(std::as_bytes(std::span(data, size)), "fuzz");
    if (gguf.has("tokenizer.ggml.model")) intarsia::make_tokenizer(intarsia::gguf_tokenizer(gguf));
    intarsia::gguf_model_config(gguf);
  } catch (const intarsia::Error&) {
  }
  return 0;
}

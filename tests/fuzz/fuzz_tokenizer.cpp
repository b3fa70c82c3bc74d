// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// tokenizer.json, and the SentencePiece protobuf, as the first byte says; what is accepted encodes, decodes
// and can be written again.
#include <cstdint>
#include <string_view>

#include "core/base/error.h"
#include "core/text/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const auto spec = data[0] & 1
                          ? intarsia::parse_sentencepiece_model(bytes, "fuzz")
                          : intarsia::parse_tokenizer_json(intarsia::parse_json(bytes, "fuzz"), "fuzz");
    const auto tokenizer = intarsia::make_tokenizer(spec);
    tokenizer->decode(tokenizer->encode("It's 12 <s> <|end|>  \xC3\xBC\xFF\n"), true);
    intarsia::to_tokenizer_json(tokenizer->spec());
    intarsia::to_tokenizer_config_json(tokenizer->spec());
  } catch (const intarsia::Error&) {
  }
  return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.json, and the SentencePiece protobuf, as the first byte says.
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
    intarsia::make_tokenizer(spec)->encode("Hello, world");
  } catch (const intarsia::Error&) {
  }
  return 0;
}

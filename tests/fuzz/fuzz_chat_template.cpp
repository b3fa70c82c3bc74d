// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string source(reinterpret_cast<const char*>(data), size);
    intarsia::ChatTemplate(source).render({{"system", "a"}, {"user", "b"}}, true, "<s>", "</s>");
  } catch (const intarsia::Error&) {
  }
  return 0;
}

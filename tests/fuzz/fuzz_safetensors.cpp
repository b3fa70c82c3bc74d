// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cstdint>
#include <span>

#include "core/base/error.h"
#include "core/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    intarsia::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const intarsia::Error&) {
  }
  return 0;
}

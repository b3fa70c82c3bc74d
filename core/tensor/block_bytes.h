// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Values out of the bytes of a GGUF block, which lie unaligned and little-endian.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/base/half.h"

namespace intarsia::block_decoders {

using Block = const std::uint8_t*;

template <typename T>
T load(Block bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

inline float load_half(Block bytes) { return half_to_float(load<std::uint16_t>(bytes)); }

} // namespace intarsia::block_decoders

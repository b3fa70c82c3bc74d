// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/crc32.h"

#include <zlib.h>

namespace intarsia {

std::uint32_t crc32_of(std::span<const std::byte> bytes, std::uint32_t start) {
  return std::uint32_t(::crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

} // namespace intarsia

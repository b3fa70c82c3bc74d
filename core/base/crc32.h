// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia {

// CRC-32 as zlib and Python's zlib.crc32 compute it. `start`: that of the bytes before these, to go on with.
std::uint32_t crc32_of(std::span<const std::byte> bytes, std::uint32_t start = 0);

} // namespace intarsia

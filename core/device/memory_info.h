// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>

namespace intarsia {

std::uint64_t total_memory(); // bytes of this machine, or of its container
std::uint64_t peak_memory();  // the most that this process has had in memory at once, in bytes

} // namespace intarsia

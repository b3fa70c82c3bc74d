// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>
#include <string>

namespace intarsia {

std::string format_bytes(std::uint64_t bytes); // "2.50 GiB"

} // namespace intarsia

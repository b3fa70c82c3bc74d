// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace intarsia {

std::uint64_t total_memory(); // bytes of this machine, or of its container

} // namespace intarsia

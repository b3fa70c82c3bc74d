// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU's kernels, as this processor runs them, against plain loops.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/kernel_check.h"

namespace intarsia {

std::vector<KernelCheck> check_cpu_kernels(std::uint64_t seed, int cases);

} // namespace intarsia

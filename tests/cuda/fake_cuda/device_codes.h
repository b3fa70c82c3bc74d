// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "cuda/launch/linear_layout.h"

namespace intarsia::test {

// Rows [first, first + count) of W~, read weight by weight from the codes as they lie on the device.
std::vector<float> decode_device_rows(const cuda::DeviceLinear& linear, int first, int count);

} // namespace intarsia::test

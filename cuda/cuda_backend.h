// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>

#include "core/runtime/device_backend.h"

namespace intarsia::cuda {

std::unique_ptr<DeviceBackend> cuda_backend();

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "core/runtime/device_backend.h"

namespace intarsia::cuda {

std::unique_ptr<DeviceBackend> cuda_backend();

} // namespace intarsia::cuda

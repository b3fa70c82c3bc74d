// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The devices that jobs can run on.
#pragma once

#include "core/base/json.h"
#include "core/device/device.h"

namespace intarsia {

// detect_devices(), and of each GPU that the driver shows what a worker says: whether it can be computed on
// is for CUDA to tell. Starts a worker only where the driver shows a GPU that could be, and ends it again.
// Takes seconds then. What is measured of a card is cached (core/jobs/result_cache.h).
DeviceList detect_usable_devices();

// The same with what the worker answered to "devices".
DeviceList with_worker_devices(DeviceList list, const Json& answer);

} // namespace intarsia

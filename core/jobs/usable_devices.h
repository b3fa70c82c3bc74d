// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Detection of the devices that jobs can run on.
#pragma once

#include "core/base/json.h"
#include "core/device/device.h"

namespace intarsia {

// detect_devices(), and for each GPU that the driver lists a check in a worker whether CUDA can use it. A
// worker is started only where the driver lists a GPU that may be usable, which takes seconds, and is ended
// again. Measurements of a GPU are cached (core/jobs/result_cache.h).
DeviceList detect_usable_devices();

// Adds to `list` the worker's reply to "devices".
DeviceList with_worker_devices(DeviceList list, const Json& answer);

} // namespace intarsia

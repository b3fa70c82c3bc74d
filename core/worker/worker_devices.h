// SPDX-License-Identifier: GPL-3.0-or-later
// The devices of this machine, and whether its GPUs can be computed on, which only CUDA knows: the worker
// asks it.
#pragma once

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/device/device.h"
#include "core/worker/worker_client.h"

namespace intarsia {

// detect_devices(), and of each GPU what a worker says: why CUDA cannot use it, and its bandwidth, which is
// measured once a card and driver. A worker is started only where the driver shows a GPU, so a machine
// without one is as quick as before. Where no worker can be had, its GPUs are not usable, and say so.
DeviceList detect_devices_with_worker(const JobControl& control);
// The same with this worker.
DeviceList detect_devices_with_worker(WorkerClient& client, const JobControl& control);

// Puts the answer to "devices" into the list.
void take_over(DeviceList& list, const JsonObject& answer);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker is asked about a device rather than about a model it holds.
#pragma once

#include <filesystem>
#include <vector>

#include "core/base/kernel_check.h"
#include "core/device/device.h"
#include "core/device/latency_table.h"
#include "core/worker/worker_client.h"

namespace intarsia {

// detect_devices(), and of each GPU that the driver shows what a worker says: whether it can be computed on
// is for CUDA to tell. Starts a worker only where the driver shows a GPU that could be, and ends it again.
// Takes seconds then. What is measured of a card is cached (core/device/measurement_cache.h).
DeviceList detect_usable_devices();

// The same with what the worker answered to "devices".
DeviceList with_worker_devices(DeviceList list, const Json& answer);

// `device` is "cpu" or "cuda:N"; `model` a checkpoint or an artifact.
LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control);

// `real_shapes`: the largest that models of 8B, 70B and 135M weights have, on a GPU.
std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control,
                                            bool real_shapes = false);

} // namespace intarsia

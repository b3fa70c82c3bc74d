// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The backends that this worker was built with.
#pragma once

#include <string>

#include "core/runtime/device_backend.h"
#include "core/worker/protocol/job_replies.h"

namespace intarsia::worker {

// Null where none has that name ("cuda"). Throws Error{unsupported} for one that this build lacks.
DeviceBackend* find_backend(const std::string& name);

DevicesReply list_devices(bool measure); // of all backends

void note_device_memory() noexcept; // for the peaks
bool a_device_is_lost() noexcept;   // nothing more can be done on it in this process

} // namespace intarsia::worker

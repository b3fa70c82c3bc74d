// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where a device's name turns into a backend.
#pragma once

#include <memory>
#include <string>

#include "core/artifact/open_model.h"
#include "core/base/json.h"
#include "core/runtime/device_backend.h"

namespace intarsia::worker {

struct DeviceChoice {
  DeviceBackend* backend = nullptr; // null: the CPU
  int index = 0;                    // of the backend's device
  bool operator==(const DeviceChoice&) const = default;
};

// "cpu" or "cuda:N". Throws Error{usage}.
DeviceChoice device_from(const std::string& name);

// `context`: tokens of a sequence to come, for which a GPU must have room too; 0: none.
// `reserved`: bytes there for those of other models.
std::unique_ptr<LanguageModel> load_on_device(const DeviceChoice& device, const OpenedModel& model,
                                              const JobControl& control, std::size_t context = 0,
                                              std::uint64_t reserved = 0);

} // namespace intarsia::worker

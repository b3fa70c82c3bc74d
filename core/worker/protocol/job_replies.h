// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a worker answers, where the answer is not one of the engine's own results: a struct, and its one
// mapping to JSON. The worker writes, the client reads. Reading throws Error{input} that names the field.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/runtime/device_backend.h"
#include "core/tensor/kernel_check.h"

namespace intarsia {

// "devices": those of all backends.
struct DevicesReply {
  struct Entry {
    std::string id; // "cuda:0"
    BackendDevice device;
  };
  std::vector<Entry> devices;
  int driver_version = 0;
  std::string problem;
};
OrderedJson to_json(const DevicesReply& reply);
DevicesReply devices_reply_from(const JsonObject& json);

// "usage" of a GPU; and of a "load" there.
OrderedJson to_json(const BackendMemory& memory);
BackendOverhead overhead_from(const JsonObject& json);

// "selftest".
OrderedJson to_json(const std::vector<KernelCheck>& checks);
std::vector<KernelCheck> checks_from(const JsonObject& json);

} // namespace intarsia

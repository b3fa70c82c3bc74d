// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Replies of a worker that are not results of core/ with a JSON mapping of their own: structs and their
// mapping to JSON and back. The worker writes, the client reads. Reading throws Error{input} that names the
// field.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/runtime/device_backend.h"
#include "core/tensor/kernel_check.h"

namespace intarsia {

// Reply to "devices": the devices of all backends.
struct DevicesReply {
  struct Entry {
    std::string id; // "cuda:0"
    BackendDevice device;
  };
  std::vector<Entry> devices;
  int driver_version = 0;
  std::string problem; // why there is no usable device, a sentence; empty: there is one
};
OrderedJson to_json(const DevicesReply& reply);
DevicesReply devices_reply_from(const JsonObject& json);

// Reply to "usage" on a GPU; also part of the reply to "load" there.
OrderedJson to_json(const BackendMemory& memory);
BackendOverhead overhead_from(const JsonObject& json);

// Reply to "selftest".
OrderedJson to_json(const std::vector<KernelCheck>& checks);
std::vector<KernelCheck> checks_from(const JsonObject& json);

} // namespace intarsia

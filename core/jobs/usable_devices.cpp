// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/usable_devices.h"

#include <algorithm>
#include <tuple>

#include "core/device/nvidia.h"
#include "core/jobs/result_cache.h"
#include "core/worker/protocol/job_replies.h"
#include "core/worker/worker_client.h"

namespace intarsia {
namespace {

bool is_gpu(const Device& device) { return device.kind != DeviceKind::cpu; }
bool is_usable_gpu(const Device& device) { return is_gpu(device) && device.usable; }

void refuse(Device& device, const std::string& reason) {
  device.usable = false;
  device.reason = reason;
}

void best_first(DeviceList& list) {
  std::stable_sort(list.devices.begin(), list.devices.end(),
                   [](const Device& a, const Device& b) { return a.usable > b.usable; });
}

// The answer's device of that id, if it has one.
const BackendDevice* find(const DevicesReply& reply, const std::string& id) {
  for (const DevicesReply::Entry& entry : reply.devices)
    if (entry.id == id) return &entry.device;
  return nullptr;
}

// The driver knows what is free without CUDA's own part; only where it does not tell, the worker's word
// counts.
void use(Device& device, const BackendDevice& seen) {
  device.usable = true;
  device.reason.clear();
  if (device.memory_total == 0) {
    device.memory_total = seen.memory_total;
    device.memory_free = seen.memory_free;
  }
  if (seen.bandwidth && *seen.bandwidth > 0) device.bandwidth = *seen.bandwidth;
  if (seen.overhead) device.backend_bytes = seen.overhead->context + seen.overhead->library;
}

// What a GPU can do does not change, and to measure it takes memory and time: once a card and driver.
DeviceList ask(WorkerClient& client, DeviceList list) {
  bool all_known = true;
  for (Device& device : list.devices) {
    if (!is_usable_gpu(device)) continue;
    const auto known = cached_measurements(device);
    if (known)
      std::tie(device.bandwidth, device.backend_bytes) = std::tie(known->bandwidth, known->backend_bytes);
    all_known = all_known && known && device.bandwidth > 0;
  }
  const auto answer = client.call({{"do", "devices"}, {"measure", !all_known}});
  list = with_worker_devices(std::move(list), answer.result);
  if (!all_known)
    for (const Device& device : list.devices)
      if (is_usable_gpu(device)) cache_measurements(device);
  return list;
}

} // namespace

DeviceList with_worker_devices(DeviceList list, const Json& answer) {
  const DevicesReply reply = devices_reply_from(JsonObject(answer, "the worker's answer"));
  for (Device& device : list.devices) {
    if (!is_gpu(device)) continue;
    const auto seen = find(reply, device.id);
    const bool same = seen && (device.name.empty() || seen->name == device.name);
    if (const std::string reason = reason_against(device); !reason.empty())
      refuse(device, reason);
    else if (!reply.problem.empty())
      refuse(device, reply.problem);
    else if (!same)
      refuse(device, "the driver shows this GPU but CUDA does not: check CUDA_VISIBLE_DEVICES");
    else
      use(device, *seen);
  }
  best_first(list);
  return list;
}

DeviceList detect_usable_devices() {
  DeviceList list = detect_devices();
  if (std::none_of(list.devices.begin(), list.devices.end(), is_usable_gpu)) return list;
  try {
    WorkerOptions options;
    options.program = worker_program();
    WorkerClient client(std::move(options));
    return ask(client, list);
  } catch (const Error& error) {
    for (Device& device : list.devices)
      if (is_usable_gpu(device)) refuse(device, error.what());
    best_first(list);
    return list;
  }
}

} // namespace intarsia

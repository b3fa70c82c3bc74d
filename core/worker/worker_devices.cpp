// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/worker/worker_devices.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/device/bandwidth_cache.h"

namespace intarsia {
namespace {

bool is_usable_gpu(const Device& device) { return device.kind == DeviceKind::cuda && device.usable; }

void rule_out(Device& gpu, const std::string& reason) {
  gpu.usable = false;
  gpu.reason = reason;
}

void best_first(DeviceList& list) {
  std::stable_sort(list.devices.begin(), list.devices.end(),
                   [](const Device& a, const Device& b) { return a.usable > b.usable; });
}

// The fields of the answer's device of that id, if it has one.
std::optional<JsonObject> find(const JsonObject& answer, const std::string& id) {
  for (const Json& entry : answer["devices"]) {
    const JsonObject device(entry, answer.origin() + ": devices");
    if (device.string("id") == id) return device;
  }
  return std::nullopt;
}

void ask(DeviceList& list, WorkerClient& client, const JobControl& control) {
  bool all_known = true;
  for (Device& device : list.devices) {
    if (!is_usable_gpu(device)) continue;
    device.bandwidth = kept_bandwidth(device).value_or(0);
    all_known = all_known && device.bandwidth > 0;
  }
  const auto answer = client.call({{"do", "devices"}, {"measure", !all_known}}, control);
  take_over(list, JsonObject(answer.result, "the worker's answer"));
  if (!all_known)
    for (const Device& device : list.devices)
      if (is_usable_gpu(device)) keep_bandwidth(device);
}

template <typename Ask>
DeviceList detect(const Ask& with_a_worker) {
  DeviceList list = detect_devices();
  if (std::none_of(list.devices.begin(), list.devices.end(), is_usable_gpu)) return list;
  try {
    with_a_worker(list);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    for (Device& device : list.devices)
      if (is_usable_gpu(device)) rule_out(device, error.what());
  }
  best_first(list);
  return list;
}

} // namespace

void take_over(DeviceList& list, const JsonObject& answer) {
  const std::string problem = answer.string("problem");
  for (Device& device : list.devices) {
    if (!is_usable_gpu(device)) continue;
    const auto known = find(answer, device.id);
    if (!known || known->string("name") != device.name)
      rule_out(device, !problem.empty() ? problem
                                        : "CUDA does not show it under this number: check "
                                          "CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER");
    else if (const double measured = known->number_or("bandwidth", 0); measured > 0)
      device.bandwidth = measured;
  }
}

DeviceList detect_devices_with_worker(const JobControl& control) {
  return detect([&](DeviceList& list) {
    WorkerOptions options;
    options.program = worker_program();
    WorkerClient client(std::move(options));
    ask(list, client, control);
  });
}

DeviceList detect_devices_with_worker(WorkerClient& client, const JobControl& control) {
  return detect([&](DeviceList& list) { ask(list, client, control); });
}

} // namespace intarsia

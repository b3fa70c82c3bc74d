// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/worker/device_jobs.h"

#include <algorithm>
#include <limits>

namespace intarsia {
namespace {

constexpr const char* answer_name = "the worker's answer";

bool is_gpu(const Device& device) { return device.kind == DeviceKind::cuda; }

void refuse(Device& device, const std::string& reason) {
  device.usable = false;
  device.reason = reason;
}

void use(Device& device, const JsonObject& seen) {
  device.usable = true;
  device.reason.clear();
  device.memory_total = seen.count("memory_total", 0, INT64_MAX);
  device.memory_free = seen.count("memory_free", 0, INT64_MAX);
  device.bandwidth = seen.number_or("bandwidth", 0);
}

} // namespace

DeviceList with_worker_devices(DeviceList list, const Json& answer) {
  const JsonObject root(answer, answer_name);
  const std::string problem = root.string_or("problem", "");
  for (Device& device : list.devices)
    if (is_gpu(device))
      refuse(device, problem.empty()
                         ? "the driver shows this GPU but CUDA does not: check CUDA_VISIBLE_DEVICES"
                         : problem);
  if (!problem.empty()) return list;
  for (const Json& entry : root["devices"]) {
    const JsonObject seen(entry, answer_name);
    const std::string id = seen.string("id");
    for (Device& device : list.devices)
      if (device.id == id) use(device, seen);
  }
  std::stable_sort(list.devices.begin(), list.devices.end(),
                   [](const Device& a, const Device& b) { return a.usable > b.usable; });
  return list;
}

DeviceList detect_usable_devices() {
  DeviceList list = detect_devices();
  if (std::none_of(list.devices.begin(), list.devices.end(), is_gpu)) return list;
  try {
    WorkerOptions options;
    options.program = worker_program();
    return with_worker_devices(list, WorkerClient(std::move(options)).call({{"do", "devices"}}).result);
  } catch (const Error& error) {
    for (Device& device : list.devices)
      if (is_gpu(device)) refuse(device, error.what());
    return list;
  }
}

LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control) {
  const auto answer = client.call(
      {{"do", "profile"}, {"path", std::filesystem::absolute(model).string()}, {"device", device}}, control);
  return parse_latency_table(JsonObject(answer.result, answer_name)["table"], answer_name);
}

std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control) {
  const auto answer =
      client.call({{"do", "selftest"}, {"device", device}, {"seed", seed}, {"cases", cases}}, control);
  std::vector<KernelCheck> checks;
  for (const Json& entry : JsonObject(answer.result, answer_name)["kernels"]) {
    const JsonObject fields(entry, answer_name);
    const bool finite = !fields["worst"].is_null();
    checks.push_back({fields.string("kernel"), int(fields.count("cases", 0, INT32_MAX)),
                      finite ? fields.number("worst") : std::numeric_limits<double>::infinity(),
                      fields.number("tolerance"), fields.string("problem")});
  }
  return checks;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/protocol/job_replies.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace intarsia {
namespace {

OrderedJson to_json(const BackendOverhead& overhead) {
  return {{"context", overhead.context}, {"cublas", overhead.library}};
}

OrderedJson to_json(const DevicesReply::Entry& entry) {
  const BackendDevice& device = entry.device;
  return {{"id", entry.id},
          {"name", device.name},
          {"memory_total", device.memory_total},
          {"memory_free", device.memory_free},
          {"capability", device.capability},
          {"multiprocessors", device.multiprocessors},
          {"bandwidth", device.bandwidth ? OrderedJson(*device.bandwidth) : OrderedJson(nullptr)},
          {"overhead", device.overhead ? to_json(*device.overhead) : OrderedJson(nullptr)}};
}

DevicesReply::Entry device_from(const JsonObject& json) {
  DevicesReply::Entry entry{json.string("id"), {}};
  BackendDevice& device = entry.device;
  device.name = json.string_or("name", "");
  device.memory_total = json.count_or("memory_total", 0, INT64_MAX, 0);
  device.memory_free = json.count_or("memory_free", 0, INT64_MAX, 0);
  device.capability = json.string_or("capability", "");
  device.multiprocessors = int(json.count_or("multiprocessors", 0, INT32_MAX, 0));
  if (json.has("bandwidth")) device.bandwidth = json.number("bandwidth");
  if (json.has("overhead")) device.overhead = overhead_from(json.object("overhead"));
  return entry;
}

OrderedJson to_json(const KernelCheck& check) {
  return {{"kernel", check.kernel},
          {"cases", check.cases},
          {"worst", std::isfinite(check.worst) ? OrderedJson(check.worst) : OrderedJson(nullptr)},
          {"tolerance", check.tolerance},
          {"problem", check.problem},
          {"ok", check.ok()}};
}

} // namespace

OrderedJson to_json(const DevicesReply& reply) {
  OrderedJson list = OrderedJson::array();
  for (const DevicesReply::Entry& entry : reply.devices) list.push_back(to_json(entry));
  return {{"devices", std::move(list)}, {"driver_version", reply.driver_version}, {"problem", reply.problem}};
}

DevicesReply devices_reply_from(const JsonObject& json) {
  DevicesReply reply;
  for (const Json& entry : json["devices"])
    reply.devices.push_back(device_from(JsonObject(entry, json.origin())));
  reply.driver_version = int(json.count_or("driver_version", 0, INT32_MAX, 0));
  reply.problem = json.string_or("problem", "");
  return reply;
}

OrderedJson to_json(const BackendMemory& memory) {
  return {{"overhead", to_json(memory.overhead)},
          {"peak", memory.peak},
          {"free", memory.free},
          {"total", memory.total}};
}

BackendOverhead overhead_from(const JsonObject& json) {
  constexpr std::uint64_t half = INT64_MAX / 2; // so that the sum has room
  return {json.count("context", 0, half), json.count("cublas", 0, half)};
}

OrderedJson to_json(const std::vector<KernelCheck>& checks) {
  OrderedJson list = OrderedJson::array();
  for (const KernelCheck& check : checks) list.push_back(to_json(check));
  const bool ok = std::all_of(checks.begin(), checks.end(), [](const auto& check) { return check.ok(); });
  return {{"ok", ok}, {"kernels", std::move(list)}};
}

std::vector<KernelCheck> checks_from(const JsonObject& json) {
  std::vector<KernelCheck> checks;
  for (const Json& entry : json["kernels"]) {
    const JsonObject fields(entry, json.origin());
    const bool finite = !fields["worst"].is_null();
    checks.push_back({fields.string("kernel"), int(fields.count("cases", 0, INT32_MAX)),
                      finite ? fields.number("worst") : std::numeric_limits<double>::infinity(),
                      fields.number("tolerance"), fields.string("problem")});
  }
  return checks;
}

} // namespace intarsia

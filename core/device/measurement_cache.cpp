// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/device/measurement_cache.h"

#include <fmt/format.h>

#include "core/base/atomic_file.h"
#include "core/base/crc32.h"
#include "core/base/json.h"
#include "core/base/user_cache.h"

namespace intarsia {
namespace {

constexpr const char* format = "intarsia-bandwidth/1";

// What the figure belongs to. Cards of one make differ little, so a card without a known id shares theirs.
OrderedJson identity(const Device& device) {
  return {{"format", format}, {"name", device.name}, {"uuid", device.uuid}, {"driver", device.driver}};
}

std::filesystem::path file_of(const Device& device) {
  const std::filesystem::path folder = user_cache_folder();
  if (folder.empty()) return {};
  const std::string text = identity(device).dump();
  return folder / fmt::format("bandwidth-{:08x}.json", crc32_of(std::as_bytes(std::span(text))));
}

} // namespace

std::optional<DeviceMeasurements> cached_measurements(const Device& device) {
  const std::filesystem::path file = file_of(device);
  if (file.empty() || !std::filesystem::exists(file)) return std::nullopt;
  try {
    const Json json = read_json_file(file);
    const JsonObject cached(json, file.string());
    const OrderedJson expected = identity(device);
    for (const auto& [field, value] : expected.items())
      if (cached.string(field) != value.get<std::string>()) return std::nullopt;
    DeviceMeasurements measured{cached.number("bandwidth"), std::nullopt};
    if (cached.has("backend_bytes")) measured.backend_bytes = cached.count("backend_bytes", 0, INT64_MAX);
    return measured.bandwidth > 0 ? std::optional(measured) : std::nullopt;
  } catch (const std::exception&) { // damaged: it is measured again
    return std::nullopt;
  }
}

void cache_measurements(const Device& device) {
  const std::filesystem::path file = file_of(device);
  if (file.empty() || !(device.bandwidth > 0)) return;
  try {
    std::filesystem::create_directories(file.parent_path());
    OrderedJson json = identity(device);
    json["bandwidth"] = device.bandwidth;
    if (device.backend_bytes) json["backend_bytes"] = *device.backend_bytes;
    write_file_atomically(file, json.dump(2) + "\n");
  } catch (const std::exception&) { // a full disk: go on without
  }
}

} // namespace intarsia

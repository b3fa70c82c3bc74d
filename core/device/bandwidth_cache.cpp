// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/device/bandwidth_cache.h"

#include <fmt/format.h>

#include "core/base/atomic_file.h"
#include "core/base/crc32.h"
#include "core/base/json.h"
#include "core/base/user_cache.h"

namespace intarsia {
namespace {

constexpr const char* format = "intarsia-bandwidth/1";

// What the figure belongs to. Cards of one make differ little, so a card without a known id shares theirs.
OrderedJson identity(const Device& gpu) {
  return {{"format", format}, {"name", gpu.name}, {"uuid", gpu.uuid}, {"driver", gpu.driver}};
}

std::filesystem::path file_of(const Device& gpu) {
  const std::filesystem::path folder = user_cache_folder();
  if (folder.empty()) return {};
  const std::string text = identity(gpu).dump();
  return folder / fmt::format("bandwidth-{:08x}.json", crc32_of(std::as_bytes(std::span(text))));
}

} // namespace

std::optional<double> kept_bandwidth(const Device& gpu) {
  const std::filesystem::path file = file_of(gpu);
  if (file.empty() || !std::filesystem::exists(file)) return std::nullopt;
  try {
    const Json json = read_json_file(file);
    const JsonObject kept(json, file.string());
    const OrderedJson expected = identity(gpu);
    for (const auto& [field, value] : expected.items())
      if (kept.string(field) != value.get<std::string>()) return std::nullopt;
    const double bandwidth = kept.number("bandwidth");
    return bandwidth > 0 ? std::optional(bandwidth) : std::nullopt;
  } catch (const std::exception&) { // damaged: it is measured again
    return std::nullopt;
  }
}

void keep_bandwidth(const Device& gpu) {
  const std::filesystem::path file = file_of(gpu);
  if (file.empty() || !(gpu.bandwidth > 0)) return;
  try {
    std::filesystem::create_directories(file.parent_path());
    OrderedJson json = identity(gpu);
    json["bandwidth"] = gpu.bandwidth;
    write_file_atomically(file, json.dump(2) + "\n");
  } catch (const std::exception&) { // a full disk: go on without
  }
}

} // namespace intarsia

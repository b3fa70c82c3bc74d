// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/latency_cache.h"

#include <fmt/format.h>
#include <span>

#include "core/base/atomic_file.h"
#include "core/base/crc32.h"
#include "core/base/user_cache.h"
#include "core/checkpoint/content_identity.h"
#include "core/palette/quantizer.h"

namespace intarsia::ui {
namespace {

constexpr int profiler_version = 1; // raised whenever kernels or the way of measuring give other times

} // namespace

LatencyCache::LatencyCache(const Device& device, const OpenedModel& opened) {
  std::string key = fmt::format("{} {} {} {} {}", profiler_version, device.id, device.name, device.capability,
                                device.driver);
  for (const Quantizer* member : palette()) key += " " + to_string(member->id());
  const std::string name =
      fmt::format("intarsia-latency-{}-{:08x}.json", content_identity(*opened.checkpoint),
                  crc32_of(std::as_bytes(std::span(key))));
  if (const std::filesystem::path folder = user_cache_folder(); !folder.empty()) place_ = folder / name;
}

std::optional<LatencyTable> LatencyCache::find() const {
  try {
    if (std::filesystem::exists(place_)) return read_latency_table(place_);
  } catch (const std::exception&) { // damaged: it is measured again
  }
  return std::nullopt;
}

void LatencyCache::keep(const LatencyTable& table) const {
  if (place_.empty()) return;
  try {
    std::filesystem::create_directories(place_.parent_path());
    write_file_atomically(place_, to_json(table).dump(1) + "\n");
  } catch (const std::exception&) { // a full disk: go on without
  }
}

} // namespace intarsia::ui

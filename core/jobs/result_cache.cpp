// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/result_cache.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/base/crc32.h"
#include "core/base/json.h"
#include "core/base/user_cache.h"
#include "core/checkpoint/content_identity.h"
#include "core/checkpoint/model_cache.h"
#include "core/palette/quantizer.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

// Raised whenever the same options give other numbers, or kernels and the way of measuring other times.
constexpr int estimator_version = 8, profiler_version = 2;
constexpr const char* measurements_format = "intarsia-bandwidth/1";

std::uint32_t checksum(const std::string& text) { return crc32_of(std::as_bytes(std::span(text))); }

std::vector<fs::path> in_user_cache(const std::string& name) {
  const fs::path folder = user_cache_folder();
  return folder.empty() ? std::vector<fs::path>() : std::vector{folder / name};
}

// What the measurements belong to. Cards of one make differ little, so a card without a known id shares
// theirs.
OrderedJson identity(const Device& device) {
  return {{"format", measurements_format},
          {"name", device.name},
          {"uuid", device.uuid},
          {"driver", device.driver}};
}

ResultCache measurement_cache(const Device& device) {
  return ResultCache(in_user_cache(fmt::format("bandwidth-{:08x}.json", checksum(identity(device).dump()))));
}

} // namespace

fs::path ResultCache::store(std::string_view content) const { return keep_in_cache(writable_, content); }

SensitivityCache::SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                                   const SensitivityOptions& options)
    : cache_({}) {
  const std::string settings =
      fmt::format("{} {} {} {} {:08x}", estimator_version, options.samples, options.sequence_length,
                  options.seed, crc32_of(std::as_bytes(text_tokens)));
  const std::string name =
      fmt::format("intarsia-sensitivity-{}-{:08x}.json", content_identity(checkpoint), checksum(settings));
  std::vector<fs::path> shipped;
  if (const auto file = shipped_with_model(checkpoint, name)) shipped.push_back(*file);
  cache_ = ResultCache(model_cache_places(checkpoint, name), std::move(shipped));
  for (const LinearLayer* layer : checkpoint.graph().all_layers()) layers_.push_back(layer->name);
}

std::optional<Sensitivity> SensitivityCache::find() const {
  return cache_.find<Sensitivity>([&](const fs::path& file) {
    Sensitivity cached = read_sensitivity(file);
    for (const std::string& layer : layers_)
      if (!cached.layers.contains(layer)) throw input_error(file.string() + ": has no layer " + layer);
    return cached;
  });
}

fs::path SensitivityCache::store(const Sensitivity& sensitivity) const {
  return cache_.store(to_json(sensitivity).dump(2) + "\n");
}

LatencyCache::LatencyCache(const Device& device, const Checkpoint& checkpoint)
    : cache_({}) {
  std::string key = fmt::format("{} {} {} {} {}", profiler_version, device.id, device.name, device.capability,
                                device.driver);
  for (const Quantizer* member : palette()) key += " " + to_string(member->id());
  cache_ = ResultCache(in_user_cache(
      fmt::format("intarsia-latency-{}-{:08x}.json", content_identity(checkpoint), checksum(key))));
}

std::optional<LatencyTable> LatencyCache::find() const {
  return cache_.find<LatencyTable>(read_latency_table);
}

void LatencyCache::store(const LatencyTable& table) const { cache_.store(to_json(table).dump(1) + "\n"); }

std::optional<DeviceMeasurements> cached_measurements(const Device& device) {
  return measurement_cache(device).find<DeviceMeasurements>([&](const fs::path& file) {
    const Json json = read_json_file(file);
    const JsonObject cached(json, file.string());
    const OrderedJson expected = identity(device);
    for (const auto& [field, value] : expected.items())
      if (cached.string(field) != value.get<std::string>())
        throw input_error(file.string() + ": is of another device");
    DeviceMeasurements measured{cached.number("bandwidth"), std::nullopt};
    if (!(measured.bandwidth > 0)) throw input_error(file.string() + ": field \"bandwidth\" is not above 0");
    if (cached.has("backend_bytes")) measured.backend_bytes = cached.count("backend_bytes", 0, INT64_MAX);
    return measured;
  });
}

void cache_measurements(const Device& device) {
  if (!(device.bandwidth > 0)) return;
  OrderedJson json = identity(device);
  json["bandwidth"] = device.bandwidth;
  if (device.backend_bytes) json["backend_bytes"] = *device.backend_bytes;
  measurement_cache(device).store(json.dump(2) + "\n");
}

} // namespace intarsia

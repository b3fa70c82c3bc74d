// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Caches of measurements in files, one file per result. The three caches below differ in the key of a result
// (a model and options; a model and a device; a device), from which the file's name is made.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/device/device.h"
#include "core/device/latency_table.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// The files in which one result may be stored.
class ResultCache {
 public:
  // `writable`: in order of preference; `read_only`: searched before them. Files need not exist.
  explicit ResultCache(std::vector<std::filesystem::path> writable,
                       std::vector<std::filesystem::path> read_only = {})
      : writable_(std::move(writable))
      , read_only_(std::move(read_only)) {}

  // The result of the first file that `read` can read; damaged files are skipped. nullopt: the result has to
  // be measured.
  template <typename Result>
  std::optional<Result> find(const std::function<Result(const std::filesystem::path&)>& read) const {
    for (const auto* paths : {&read_only_, &writable_})
      for (const std::filesystem::path& file : *paths) try {
          if (std::filesystem::exists(file)) return read(file);
        } catch (const std::exception&) { // damaged
        }
    return std::nullopt;
  }
  // Writes the first writable file and returns its path; empty when none can be written, which is not an
  // error.
  std::filesystem::path store(std::string_view content) const;

  const std::vector<std::filesystem::path>& files() const { return writable_; }

 private:
  std::vector<std::filesystem::path> writable_, read_only_;
};

// Sensitivities, beside the model or in the user's cache folder (core/checkpoint/model_cache.h). The built-in
// model is installed with its own.
class SensitivityCache {
 public:
  // Key: model content, text and options of estimate_sensitivity().
  SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                   const SensitivityOptions& options);

  std::optional<Sensitivity> find() const;
  std::filesystem::path store(const Sensitivity& sensitivity) const; // as ResultCache
  const std::vector<std::filesystem::path>& files() const { return cache_.files(); }

 private:
  ResultCache cache_;
  std::vector<std::string> layers_; // an entry without one of these is ignored
};

// Latency tables of devices of this machine, in the user's cache folder.
class LatencyCache {
 public:
  // Key: device, driver, model and palette.
  LatencyCache(const Device& device, const Checkpoint& checkpoint);

  std::optional<LatencyTable> find() const;
  void store(const LatencyTable& table) const;

 private:
  ResultCache cache_;
};

struct DeviceMeasurements {
  double bandwidth = 0;                       // bytes/s
  std::optional<std::uint64_t> backend_bytes; // Device::backend_bytes
};
// Measurements of this GPU with this driver, in the user's cache folder; measuring again would take device
// memory.
std::optional<DeviceMeasurements> cached_measurements(const Device& device);
// Stores the device's bandwidth and backend_bytes, where the bandwidth is known.
void cache_measurements(const Device& device);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Results that take long and belong to something that is the same next time, each in a file of its own. The
// three caches below differ in what a result belongs to; another of that has another file.
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

// The files that a result may lie in.
class ResultCache {
 public:
  // `writable` in the order of preference; `read_only` are looked at first. No file at all is no error.
  explicit ResultCache(std::vector<std::filesystem::path> writable,
                       std::vector<std::filesystem::path> read_only = {})
      : writable_(std::move(writable))
      , read_only_(std::move(read_only)) {}

  // Of the first file that `read` does not throw for: one that is damaged is made again.
  template <typename Result>
  std::optional<Result> find(const std::function<Result(const std::filesystem::path&)>& read) const {
    for (const auto* places : {&read_only_, &writable_})
      for (const std::filesystem::path& place : *places) try {
          if (std::filesystem::exists(place)) return read(place);
        } catch (const std::exception&) { // damaged
        }
    return std::nullopt;
  }
  // Where it was stored; empty when no folder could be written to, which is no error.
  std::filesystem::path store(std::string_view content) const;

  const std::vector<std::filesystem::path>& places() const { return writable_; }

 private:
  std::vector<std::filesystem::path> writable_, read_only_;
};

// Beside the model, or in the user's cache folder where the model's cannot be written to or is Intarsia's own
// (which comes with its sensitivities).
class SensitivityCache {
 public:
  // For what estimate_sensitivity() would give with these.
  SensitivityCache(const Checkpoint& checkpoint, std::span<const int> text_tokens,
                   const SensitivityOptions& options);

  std::optional<Sensitivity> find() const;
  std::filesystem::path store(const Sensitivity& sensitivity) const; // as ResultCache
  const std::vector<std::filesystem::path>& places() const { return cache_.places(); }

 private:
  ResultCache cache_;
  std::vector<std::string> layers_; // that an entry must have
};

// What was measured on a device of this machine, in the user's cache folder.
class LatencyCache {
 public:
  // Another device, driver, model or palette has another entry.
  LatencyCache(const Device& device, const Checkpoint& checkpoint);

  std::optional<LatencyTable> find() const;
  void store(const LatencyTable& table) const;

 private:
  ResultCache cache_;
};

struct DeviceMeasurements {
  double bandwidth = 0;                       // bytes/s
  std::optional<std::uint64_t> backend_bytes; // Device's
};
// Of this very card and driver, in the user's cache folder: to measure takes memory on the card.
std::optional<DeviceMeasurements> cached_measurements(const Device& device);
// Of Device's fields, where the bandwidth is known.
void cache_measurements(const Device& device);

} // namespace intarsia

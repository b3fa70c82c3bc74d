// SPDX-License-Identifier: GPL-3.0-or-later
// latency.json: how long each linear, or fused group, takes on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/palette/quantizer_id.h"

namespace intarsia {

struct LatencyEntry {
  std::size_t d_in;
  std::size_t d_out; // for a fused group: the sum of its members'
  QuantizerId quantizer;
  std::string kernel; // "tensor-core", "cuda-core", "cpu"
  double seconds;
  std::optional<double> spread = {}; // of repeated measurements, as a share of `seconds`
};

struct LatencyTable {
  std::string device_name;
  std::string device_kind; // "cuda", "cpu"
  std::uint64_t device_memory = 0;
  std::string model;
  std::size_t batch = 1;
  double constant_seconds = 0; // the rest of one decode step
  std::vector<LatencyEntry> entries;
};

// Throws Error naming the file and the entry: seconds must be finite and > 0, no duplicate entries.
LatencyTable parse_latency_table(const Json& json, const std::string& origin);
LatencyTable read_latency_table(const std::filesystem::path& path);
OrderedJson to_json(const LatencyTable& table); // what parse_latency_table reads back

} // namespace intarsia

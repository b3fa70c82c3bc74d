// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// latency.json: how long each linear, or fused group, takes on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
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
  double spread = 0; // half the distance of the quartiles, seconds; 0 when it was not measured
};

struct LatencyTable {
  std::string device_name;
  std::string device_kind; // "cuda", "cpu"
  std::uint64_t device_memory = 0;
  std::string model;
  std::size_t batch = 1;
  double constant_seconds = 0; // the rest of one decode step
  std::vector<LatencyEntry> entries;
  std::string estimated; // how, when no device was measured: "from … GB/s (where that stands)"; else empty
};

OrderedJson to_json(const LatencyTable& table);
// Throws Error naming the file and the entry: seconds must be finite and > 0, no duplicate entries.
LatencyTable parse_latency_table(const Json& json, const std::string& origin);
LatencyTable read_latency_table(const std::filesystem::path& path);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What is published about a device that is not at hand (resources/device-profiles/), and a latency table
// guessed from it. A guess is marked as one wherever it goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/device/latency_table.h"
#include "core/model/layer_graph.h"

namespace intarsia {

struct DeviceProfile {
  std::string name, kind;         // kind: "cuda" or "cpu"
  std::uint64_t memory_bytes = 0; // of the whole device
  double bandwidth = 0;           // bytes/s, as published
  std::string capability, source; // where the figures stand
};

// Throws Error naming the file and the field.
DeviceProfile read_device_profile(const std::filesystem::path& path);
// Those in a folder, by file name without extension.
std::vector<std::string> device_profile_names(const std::filesystem::path& folder);

// One decode step is bound by memory: each linear takes its bytes over a share of the published bandwidth,
// and a launch. All shapes of the model, fused ones too where the device is a GPU.
LatencyTable estimate_latency(const DeviceProfile& profile, const ModelConfig& config,
                              const LayerGraph& graph, std::size_t context);

// The shapes (d_in, d_out) of a model's linears and, where `fused`, of its fusion groups, each once.
struct LinearShape {
  std::size_t d_in, d_out;
  auto operator<=>(const LinearShape&) const = default;
};
std::vector<LinearShape> profile_shapes(const LayerGraph& graph, bool fused);

} // namespace intarsia

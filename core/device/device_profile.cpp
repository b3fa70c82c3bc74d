// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/device/device_profile.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "core/base/error.h"
#include "core/palette/quantized_linear.h"

namespace intarsia {
namespace {

// What good decode kernels reach of the published bandwidth (Q-Palette, table 4, and llama.cpp's on large
// layers lie between 0.6 and 0.85), and what a kernel costs within a CUDA graph. A CPU decodes codes in
// arithmetic: it reaches less.
constexpr double gpu_share = 0.7, cpu_share = 0.35, gpu_launch_seconds = 3e-6, cpu_launch_seconds = 5e-6;
constexpr std::size_t other_kernels_a_block = 6; // two norms, RoPE, attention in two parts, SwiGLU

std::string kernel_of(const DeviceProfile& profile, QuantizerFamily family) {
  if (profile.kind != "cuda") return "cpu";
  return family == QuantizerFamily::nuq ? "cuda-core" : "tensor-core";
}

} // namespace

DeviceProfile read_device_profile(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  const JsonObject fields(json, path.string());
  if (const std::string format = fields.string("format"); format != "intarsia-device/1")
    throw input_error(path.string() + ": field \"format\" is \"" + format + "\", not \"intarsia-device/1\"");
  DeviceProfile profile{fields.string("name"),
                        fields.string("kind"),
                        fields.count("memory_bytes", 1, INT64_MAX),
                        fields.number("bandwidth_bytes_per_second"),
                        fields.string_or("capability", ""),
                        fields.string("source")};
  if (profile.kind != "cuda" && profile.kind != "cpu")
    throw input_error(path.string() + ": field \"kind\" is \"" + profile.kind +
                      "\", not \"cuda\" or \"cpu\"");
  if (!(profile.bandwidth > 0))
    throw input_error(path.string() + ": field \"bandwidth_bytes_per_second\" must be larger than 0");
  return profile;
}

std::vector<std::string> device_profile_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none))
    if (entry.path().extension() == ".json" && entry.path().stem().extension().empty())
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<LinearShape> profile_shapes(const LayerGraph& graph, bool fused) {
  std::set<LinearShape> shapes;
  for (const FusionGroup& group : fusion_groups(graph)) {
    if (group.members.size() > 1 && !fused) continue;
    std::size_t d_out = 0;
    for (const std::size_t member : group.members) d_out += graph.linears[member].d_out;
    shapes.insert({graph.linears[group.members[0]].d_in, d_out});
  }
  return {shapes.begin(), shapes.end()};
}

LatencyTable estimate_latency(const DeviceProfile& profile, const ModelConfig& config,
                              const LayerGraph& graph, std::size_t context) {
  const bool gpu = profile.kind == "cuda";
  const double bandwidth = profile.bandwidth * (gpu ? gpu_share : cpu_share);
  const double launch = gpu ? gpu_launch_seconds : cpu_launch_seconds;
  LatencyTable table{profile.name, profile.kind, profile.memory_bytes, config.name, 1, 0, {}, {}};
  table.estimated =
      fmt::format("not measured: {:g} GB/s x {:g} and {:g} us a kernel ({})", profile.bandwidth / 1e9,
                  gpu ? gpu_share : cpu_share, launch * 1e6, profile.source);
  for (const LinearShape& shape : profile_shapes(graph, gpu))
    for (const Quantizer* member : palette()) {
      const auto bytes = double(quantized_linear_bytes(member->id(), {shape.d_out, shape.d_in}));
      table.entries.push_back({shape.d_in, shape.d_out, member->id(), kernel_of(profile, member->id().family),
                               bytes / bandwidth + launch});
    }
  const LinearLayer& head = graph.head ? *graph.head : graph.embedding;
  // Half a context is in the cache on average.
  const double head_bytes = (gpu ? 2 : 1) * double(head.weights()); // 8 bits on the CPU
  const double read =
      head_bytes + 2 * 2 * double(config.blocks) * double(config.kv_dim()) * double(context) / 2;
  table.constant_seconds =
      read / bandwidth + launch * double(config.blocks * other_kernels_a_block + 3); // embed, norm, sample
  return table;
}

} // namespace intarsia

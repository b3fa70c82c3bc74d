// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/memory_model.h"

namespace intarsia {

std::shared_ptr<const MemoryModel> memory_of(const Device& device) {
  switch (device.kind) {
  case DeviceKind::cpu:
    return cpu_memory();
  case DeviceKind::cuda:
    return cuda_memory(device.backend_bytes.value_or(0));
  }
  return cpu_memory();
}

std::shared_ptr<const MemoryModel> memory_of(const LatencyTable& table) {
  return table.device_kind == "cuda" ? cuda_memory(0) : cpu_memory();
}

std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config) {
  std::uint64_t weights = graph.linear_weights() + config.vocabulary * config.hidden * (graph.head ? 2 : 1) +
                          graph.norm_weights();
  for (const LinearLayer& router : graph.routers) weights += router.weights();
  for (const LinearLayer& linear : graph.linears)
    if (linear.bias) weights += linear.d_out;
  return 2 * weights;
}

} // namespace intarsia

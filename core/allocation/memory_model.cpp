// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/memory_model.h"

#include <set>

#include "core/palette/quantized_linear.h"
#include "core/runtime/backend.h"

namespace intarsia {

FixedMemory fixed_memory(const ModelConfig& config, const LayerGraph& graph, std::size_t context) {
  constexpr std::uint64_t half = 2, single = 4;
  FixedMemory memory;
  memory.embeddings_and_head = half * config.vocabulary * config.hidden * (graph.head ? 2 : 1);
  memory.norms_and_biases = single * graph.norms.size() * config.hidden;
  std::set<std::string> inputs;
  for (const LinearLayer& linear : graph.linears) {
    if (linear.bias) memory.norms_and_biases += single * linear.d_out;
    if (inputs.insert(linear.input).second) memory.rotation_signs += rotation_sign_bytes(linear.d_in);
  }
  std::set<const float*> books; // trellis codes of all rates share one
  for (const Quantizer* member : palette())
    if (const auto book = member->codebook(); books.insert(book.data()).second)
      memory.codebooks += book.size_bytes();
  memory.kv_cache = half * 2 * config.blocks * context * config.kv_dim();
  const CpuOptions options{true, true};
  memory.buffers =
      cpu_sequence_bytes(config, context, options) - memory.kv_cache + single * config.vocabulary;
  return memory;
}

std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config) {
  std::uint64_t weights = graph.linear_weights() + config.vocabulary * config.hidden * (graph.head ? 2 : 1) +
                          graph.norms.size() * config.hidden;
  for (const LinearLayer& linear : graph.linears)
    if (linear.bias) weights += linear.d_out;
  return 2 * weights;
}

} // namespace intarsia

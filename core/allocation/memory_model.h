// SPDX-License-Identifier: GPL-3.0-or-later
// What must be in memory when a model runs, part by part, from the layer graph. Exact: the runtime allocates
// so.
#pragma once

#include <cstdint>

#include "core/model/layer_graph.h"
#include "core/palette/quantizer_id.h"

namespace intarsia {

struct FixedMemory {
  std::uint64_t embeddings_and_head = 0; // f16
  std::uint64_t norms_and_biases = 0;    // f32
  std::uint64_t rotation_signs = 0;
  std::uint64_t codebooks = 0;
  std::uint64_t kv_cache = 0; // at the chosen context
  std::uint64_t buffers = 0;  // activations, logits, scratch
  std::uint64_t total() const {
    return embeddings_and_head + norms_and_biases + rotation_signs + codebooks + kv_cache + buffers;
  }
};

FixedMemory fixed_memory(const ModelConfig& config, const LayerGraph& graph, std::size_t context);

// Bytes of the whole model with every weight in f16: what "40%" is a part of.
std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
// What must be in memory when a model runs, part by part, from the layer graph. Exact: the runtime allocates
// so.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "core/allocation/plan.h"
#include "core/model/layer_graph.h"
#include "core/palette/quantizer_id.h"
#include "core/runtime/kv_precision.h"

namespace intarsia {

struct ModelMemory {
  std::uint64_t linears = 0;             // codes and row scales of the blocks' linears
  std::uint64_t embeddings_and_head = 0; // as the plan has them, or f16
  std::uint64_t norms_and_biases = 0;    // f32
  std::uint64_t rotation_signs = 0;
  std::uint64_t codebooks = 0;
  std::uint64_t kv_cache = 0; // at the chosen context
  std::uint64_t buffers = 0;  // activations, decoded rows, logits, the sampler's candidates
  std::uint64_t program = 0;  // code, libraries, tokenizer
  std::uint64_t total() const { return model_alone() + kv_cache + buffers + program; }
  std::uint64_t model_alone() const {
    return linears + embeddings_and_head + norms_and_biases + rotation_signs + codebooks;
  }
};

// Without the layers named in `planned`, whose bytes are counted elsewhere, and without the blocks' linears.
ModelMemory fixed_memory(const ModelConfig& config, const LayerGraph& graph, std::size_t context,
                         const std::set<std::string>& planned = {}, KvPrecision kv_cache = KvPrecision::f16);

// Everything of a planned model, with the KV cache that the plan has room for. On the CPU, with as many
// threads as this process may use.
ModelMemory plan_memory(const ModelConfig& config, const LayerGraph& graph, const Plan& plan,
                        std::size_t context);

// Bytes of the whole model with every weight in f16: what "40%" is a part of.
std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The plan of the device memory that a model takes, from its layer graph and quantizers alone; the backend
// allocates by it. Plain C++, so that any machine can predict.
#pragma once

#include <string>

#include "core/memory/cuda/arena_plan.h"
#include "core/memory/cuda/attention_scratch.h"
#include "core/memory/memory_model.h"

namespace intarsia::cuda {

constexpr std::uint64_t cublas_workspace_bytes = std::uint64_t(32) << 20; // what NVIDIA advises for Hopper

// Names of parts in the arenas below.
std::string scales_part(const LinearLayer& layer);
std::string bias_part(const LinearLayer& layer);
std::string codebook_part(QuantizerId id);
std::string signs_part(const LinearLayer& layer);          // layers with the same input share it
std::string dense_part(std::size_t d_in, bool transposed); // dense factor of a rotation (rotation_split.h)

Heads heads_of(const ModelConfig& config);
std::size_t chunk_tokens(std::size_t capacity); // tokens computed at once
// How many of these go through attention, and through the head, at once.
std::size_t attention_tokens(const ModelConfig& config, std::size_t capacity);
std::size_t logit_rows(const ModelConfig& config, std::size_t capacity);

// Parts: codes by the layer's name, norms by the tensor's name, "rope", and those of the names above.
ArenaPlan weight_arena(const ModelConfig& config, const LayerGraph& graph, const QuantizerOf& quantizer_of);
// Parts: "decoded", rows of a layer decoded to f16 for cuBLAS; "cublas", its workspace; "split linears",
// LinearScratch.
ArenaPlan workspace_arena(const LayerGraph& graph, const QuantizerOf& quantizer_of);
// Parts: activations and, last, "kv": for each block its keys, then its values, [capacity, kv_dim] in f16.
ArenaPlan sequence_arena(const ModelConfig& config, std::size_t capacity);
std::uint64_t kv_bytes_a_token(const ModelConfig& config); // keys and values of one token, all blocks

struct DeviceMemoryPlan {
  ArenaPlan weights, workspace, sequence; // three allocations

  std::uint64_t bytes(MemoryUse use) const {
    return weights.bytes(use) + workspace.bytes(use) + sequence.bytes(use);
  }
  std::uint64_t total() const { return weights.bytes() + workspace.bytes() + sequence.bytes(); }
};
DeviceMemoryPlan device_memory_plan(const ModelConfig& config, const LayerGraph& graph,
                                    const QuantizerOf& quantizer_of, std::size_t context);

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The device memory a model takes, from its layer graph and quantizers alone: the backend allocates exactly
// so. Plain C++, for predictions on any machine.
#pragma once

#include <string>

#include "core/memory/cuda/arena_plan.h"
#include "core/memory/cuda/attention_scratch.h"
#include "core/memory/memory_model.h"

namespace intarsia::cuda {

constexpr std::uint64_t cublas_workspace_bytes = std::uint64_t(32) << 20; // what NVIDIA advises for Hopper

// Names of an arena's parts.
std::string scales_part(const LinearLayer& layer);
std::string bias_part(const LinearLayer& layer);
std::string codebook_part(QuantizerId id);
std::string signs_part(const LinearLayer& layer); // layers with one input share one
std::string dense_part(std::size_t d_in, bool transposed);

Heads heads_of(const ModelConfig& config);
std::size_t chunk_tokens(std::size_t capacity); // tokens computed at once
// Of these, how many go through attention at once, and to logits at once.
std::size_t attention_tokens(const ModelConfig& config, std::size_t capacity);
std::size_t logit_rows(const ModelConfig& config, std::size_t capacity);

// Codes by their layers' names, scales, biases, norms by their tensors' names, rotations, codebooks, "rope".
ArenaPlan weight_arena(const ModelConfig& config, const LayerGraph& graph, const QuantizerOf& quantizer_of);
// "decoded": rows of a linear in f16 on their way to cuBLAS; "cublas"; "split linears": LinearScratch.
ArenaPlan workspace_arena(const LayerGraph& graph, const QuantizerOf& quantizer_of);
// Activations and, last, "kv": for each block its keys and its values.
ArenaPlan sequence_arena(const ModelConfig& config, std::size_t capacity);
std::uint64_t kv_bytes_a_token(const ModelConfig& config);

struct DeviceMemoryPlan {
  ArenaPlan weights, workspace, sequence; // an allocation each

  std::uint64_t bytes(MemoryUse use) const {
    return weights.bytes(use) + workspace.bytes(use) + sequence.bytes(use);
  }
  std::uint64_t total() const { return weights.bytes() + workspace.bytes() + sequence.bytes(); }
};
DeviceMemoryPlan device_memory_plan(const ModelConfig& config, const LayerGraph& graph,
                                    const QuantizerOf& quantizer_of, std::size_t context);

} // namespace intarsia::cuda

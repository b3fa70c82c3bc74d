// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What must be in a device's memory when a model runs on it, part by part, from the layer graph alone: one
// memory model a backend, and the backend allocates exactly so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "core/device/device.h"
#include "core/device/latency_table.h"
#include "core/model/layer_graph.h"
#include "core/palette/quantizer_id.h"
#include "core/runtime/kv_precision.h"

namespace intarsia {

using QuantizerOf = std::function<QuantizerId(const LinearLayer&)>;

// Bytes.
struct ModelMemory {
  std::uint64_t linears = 0;             // codes and row scales of the blocks' linears
  std::uint64_t embeddings_and_head = 0; // as the plan has them, or f16
  std::uint64_t norms_and_biases = 0;    // f32
  std::uint64_t rotation_signs = 0;
  std::uint64_t codebooks = 0;
  std::uint64_t kv_cache = 0; // at the chosen context
  std::uint64_t buffers = 0;  // activations, decoded rows, logits, the sampler's candidates
  std::uint64_t program = 0;  // code, libraries, tokenizer; on a GPU what its backend takes beside a model
  std::uint64_t total() const { return model_alone() + kv_cache + buffers + program; }
  std::uint64_t model_alone() const {
    return linears + embeddings_and_head + norms_and_biases + rotation_signs + codebooks;
  }
};

// A model with one sequence. Refers to what it is made from.
struct ModelInMemory {
  const ModelConfig& config;
  const LayerGraph& graph;
  std::size_t context; // tokens that the KV cache has room for
  KvPrecision kv_cache = KvPrecision::f16;
};

// Functions throw Error{unsupported} for a KV cache that the backend cannot hold.
class MemoryModel {
 public:
  virtual ~MemoryModel() = default;
  virtual DeviceKind device_kind() const = 0;
  // Exact.
  virtual ModelMemory with(const ModelInMemory& model, const QuantizerOf& quantizer_of) const = 0;
  // The layer's part in an integer program: beside() and the layers' bytes together are at least with(), and
  // the same but for rounding to the device's alignment and what only some quantizers need.
  virtual std::uint64_t layer_bytes(const LinearLayer& layer, QuantizerId quantizer) const = 0;
  // What no choice of quantizers for the blocks' linears and the layers named in `planned` changes.
  virtual ModelMemory beside(const ModelInMemory& model, const std::set<std::string>& planned) const = 0;
};

// On the CPU, with as many threads as this process may use.
std::shared_ptr<const MemoryModel> cpu_memory();
// On a GPU. `backend_bytes`: what CUDA itself takes beside a model (its context, cuBLAS); 0: unknown.
std::shared_ptr<const MemoryModel> cuda_memory(std::uint64_t backend_bytes);
// Of the device's backend.
std::shared_ptr<const MemoryModel> memory_of(const Device& device);
// Of the device that a table stands for, without what its backend takes, which no table knows.
std::shared_ptr<const MemoryModel> memory_of(const LatencyTable& table);

// Bytes of the whole model with every weight in f16: what "40%" is a part of.
std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config);

} // namespace intarsia

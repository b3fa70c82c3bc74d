// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Predicts the memory that a model takes on a device, part by part, from its layer graph alone. There is one
// memory model per backend; the CUDA backend allocates by the same plan, so its prediction is exact.
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
  std::uint64_t embeddings_and_head = 0; // by the plan's quantizers, else f16
  std::uint64_t norms_and_biases = 0;    // f32
  std::uint64_t rotation_signs = 0;
  std::uint64_t codebooks = 0;
  std::uint64_t kv_cache = 0; // at the chosen context
  std::uint64_t buffers = 0;  // activations, decoded rows, logits, the sampler's candidates
  std::uint64_t program = 0;  // code, libraries, tokenizer; on a GPU what its backend takes without a model
  std::uint64_t total() const { return model_alone() + kv_cache + buffers + program; }
  std::uint64_t model_alone() const {
    return linears + embeddings_and_head + norms_and_biases + rotation_signs + codebooks;
  }
};

// A model with one sequence. Holds references.
struct ModelInMemory {
  const ModelConfig& config;
  const LayerGraph& graph;
  std::size_t context; // tokens that the KV cache has room for
  KvPrecision kv_cache = KvPrecision::f16;
};

// All functions throw Error{unsupported} for a KV cache precision that the backend does not have.
class MemoryModel {
 public:
  virtual ~MemoryModel() = default;
  virtual DeviceKind device_kind() const = 0;
  // Memory of the whole model with these quantizers.
  virtual ModelMemory predict(const ModelInMemory& model, const QuantizerOf& quantizer_of) const = 0;
  // The layer's coefficient in the allocator's integer program: predict_fixed() plus the bytes of all layers
  // is an upper bound of predict(), equal to it except for alignment and for what only some quantizers need
  // (codebooks, signs).
  virtual std::uint64_t layer_bytes(const LinearLayer& layer, QuantizerId quantizer) const = 0;
  // The memory that does not depend on the quantizers chosen for the blocks' linear layers and for the layers
  // named in `planned` (embedding, head).
  virtual ModelMemory predict_fixed(const ModelInMemory& model,
                                    const std::set<std::string>& planned) const = 0;
};

// On the CPU, with as many threads as this process may use.
std::shared_ptr<const MemoryModel> cpu_memory();
// On a CUDA GPU. `backend_bytes`: what CUDA takes without a model (its context, cuBLAS); 0: unknown.
std::shared_ptr<const MemoryModel> cuda_memory(std::uint64_t backend_bytes);
// The memory model of the device's backend, with Device::backend_bytes.
std::shared_ptr<const MemoryModel> memory_of(const Device& device);
// That of the device of a latency table, with 0 backend bytes, which a table does not contain.
std::shared_ptr<const MemoryModel> memory_of(const LatencyTable& table);

// Bytes of the whole model with every weight in f16, to which memory budgets in percent ("40%") refer.
std::uint64_t f16_model_bytes(const LayerGraph& graph, const ModelConfig& config);

} // namespace intarsia

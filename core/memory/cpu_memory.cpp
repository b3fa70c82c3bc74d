// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/memory_model.h"
#include "core/palette/quantized_linear.h"
#include "core/runtime/backend.h"
#include "core/runtime/byte_linear.h"
#include "core/runtime/kv_cache.h"
#include "core/runtime/sampler.h"

namespace intarsia {
namespace {

// What `intarsia chat` has in memory beside the model: code, libraries, heaps, stacks; and its tokenizer, by
// the token. Measured on Linux with glibc at vocabularies of 8,192, 16,384, 32,768 and 49,152 tokens
// (tests/core/runtime/test_memory_slow.cpp): 16.5, 18.2, 21.7 and 25.6 MiB, and 4 MiB for the libraries of
// the HTTP server, 1.25 MiB for the kernels of the byte-sum code since, and half a MiB by which machines
// differ; less 71 bytes a token since merges and vocabulary are flat tables.
constexpr std::uint64_t program_bytes = 84 * (std::uint64_t(1) << 18), tokenizer_bytes_a_token = 165;

// An embedding or a head: in f16, it is rounded to 8 bits as it is read, and rotated.
std::uint64_t vocabulary_bytes(const LinearLayer& layer, QuantizerId id) {
  const MatrixShape shape{layer.d_out, layer.d_in};
  return id.family == QuantizerFamily::f16 ? ByteLinear::bytes(shape) : quantized_linear_bytes(id, shape);
}

class CpuMemory : public MemoryModel {
 public:
  DeviceKind device_kind() const override { return DeviceKind::cpu; }

  ModelMemory predict(const ModelInMemory& model, const QuantizerOf& quantizer_of) const override {
    ModelMemory memory = predict_fixed(model, {});
    memory.embeddings_and_head = 0;
    for (const LinearLayer* layer : model.graph.vocabulary_layers())
      memory.embeddings_and_head += vocabulary_bytes(*layer, quantizer_of(*layer));
    for (const LinearLayer& layer : model.graph.linears)
      memory.linears += quantized_linear_bytes(quantizer_of(layer), {layer.d_out, layer.d_in});
    return memory;
  }

  std::uint64_t layer_bytes(const LinearLayer& layer, QuantizerId id) const override {
    if (in_vocabulary(layer)) return vocabulary_bytes(layer, id) + rotation_sign_bytes(layer.d_in);
    return quantized_linear_bytes(id, {layer.d_out, layer.d_in});
  }

  ModelMemory predict_fixed(const ModelInMemory& model, const std::set<std::string>& planned) const override {
    const auto& [config, graph, context, kv_cache] = model;
    constexpr std::uint64_t half = 2, single = 4;
    ModelMemory memory;
    for (const LinearLayer* layer : graph.vocabulary_layers())
      if (!planned.contains(layer->name)) {
        memory.embeddings_and_head += vocabulary_bytes(*layer, {});
        memory.rotation_signs += rotation_sign_bytes(layer->d_in);
      }
    for (const LinearLayer& router : graph.routers) memory.linears += half * router.weights();
    memory.norms_and_biases = single * graph.norm_weights();
    std::set<std::string> inputs;
    for (const LinearLayer& linear : graph.linears) {
      if (linear.bias) memory.norms_and_biases += single * linear.d_out;
      if (inputs.insert(linear.input).second) memory.rotation_signs += rotation_sign_bytes(linear.d_in);
    }
    for (const Quantizer* member : palette()) memory.codebooks += member->codebook().size_bytes();
    memory.kv_cache = KvCache::bytes(config.blocks, context, config.kv_dim(), config.head_dim, kv_cache);
    CpuOptions options = CpuOptions::of_artifact();
    options.quantized_cache = kv_cache == KvPrecision::q8;
    memory.buffers = cpu_sequence_bytes(config, context, options) - memory.kv_cache +
                     cpu_scratch_bytes(graph) + sampling_bytes(config.vocabulary);
    memory.program = program_bytes + tokenizer_bytes_a_token * config.vocabulary;
    return memory;
  }
};

} // namespace

std::shared_ptr<const MemoryModel> cpu_memory() {
  static const auto model = std::make_shared<const CpuMemory>();
  return model;
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/allocation/memory_model.h"

#include "core/palette/quantized_linear.h"
#include "core/runtime/backend.h"
#include "core/runtime/kv_cache.h"
#include "core/runtime/sampler.h"

namespace intarsia {
namespace {

// What `intarsia chat` has in memory beside the model: code, libraries, heaps, stacks; and its tokenizer, by
// the token. Measured on Linux with glibc at vocabularies of 8,192, 16,384, 32,768 and 49,152 tokens
// (tests/core/runtime/test_memory_slow.cpp): 16.5, 18.2, 21.7 and 25.6 MiB, and 4 MiB for the libraries of the
// HTTP server and 1.25 MiB for the kernels of the byte-sum code since.
constexpr std::uint64_t program_bytes = 82 * (std::uint64_t(1) << 18), tokenizer_bytes_a_token = 236;

} // namespace

ModelMemory fixed_memory(const ModelConfig& config, const LayerGraph& graph, std::size_t context,
                         const std::set<std::string>& planned, KvPrecision kv_cache) {
  constexpr std::uint64_t half = 2, single = 4;
  ModelMemory memory;
  for (const LinearLayer* layer : graph.vocabulary_layers())
    if (!planned.contains(layer->name)) memory.embeddings_and_head += half * layer->weights();
  for (const LinearLayer& router : graph.routers) memory.linears += half * router.weights();
  memory.norms_and_biases = single * graph.norm_weights();
  std::set<std::string> inputs;
  for (const LinearLayer& linear : graph.linears) {
    if (linear.bias) memory.norms_and_biases += single * linear.d_out;
    if (inputs.insert(linear.input).second) memory.rotation_signs += rotation_sign_bytes(linear.d_in);
  }
  for (const Quantizer* member : palette()) memory.codebooks += member->codebook().size_bytes();
  memory.kv_cache = KvCache::bytes(config.blocks, context, config.kv_dim(), config.head_dim, kv_cache);
  CpuOptions options;
  options.half_precision_weights = true;
  options.quantized_cache = kv_cache == KvPrecision::q8;
  memory.buffers = cpu_sequence_bytes(config, context, options) - memory.kv_cache + cpu_scratch_bytes(graph) +
                   sampling_bytes(config.vocabulary);
  memory.program = program_bytes + tokenizer_bytes_a_token * config.vocabulary;
  return memory;
}

ModelMemory plan_memory(const ModelConfig& config, const LayerGraph& graph, const Plan& plan,
                        std::size_t context) {
  std::set<std::string> planned;
  for (const auto& [name, layer] : plan.layers) planned.insert(name);
  ModelMemory memory = fixed_memory(config, graph, context, planned, plan.budgets.kv_cache);
  for (const LinearLayer* layer : graph.all_layers()) {
    if (!planned.contains(layer->name)) continue;
    const QuantizerId id = plan.quantizer_of(*layer);
    const std::uint64_t bytes = quantized_linear_bytes(id, {layer->d_out, layer->d_in});
    (in_vocabulary(*layer) ? memory.embeddings_and_head : memory.linears) += bytes;
    if (in_vocabulary(*layer) && id.family != QuantizerFamily::f16)
      memory.rotation_signs += rotation_sign_bytes(layer->d_in);
  }
  return memory;
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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/cuda/memory_plan.h"

#include <algorithm>

#include "core/memory/cuda/linear_bytes.h"
#include "core/memory/cuda/rotation_split.h"
#include "core/palette/quantized_linear.h"

namespace intarsia::cuda {
namespace {

constexpr std::size_t max_chunk_tokens = 512;
constexpr std::uint64_t decoded_bytes = std::uint64_t(32) << 20; // stays in a large card's L2
constexpr std::uint64_t attention_bytes = std::uint64_t(32) << 20, logit_bytes = std::uint64_t(32) << 20;

bool is_f16(QuantizerId id) { return id.family == QuantizerFamily::f16; }

void add_once(ArenaPlan& arena, const std::string& name, MemoryUse use, std::uint64_t bytes) {
  if (bytes > 0 && !arena.has(name)) arena.add(name, use, bytes);
}

void add_linear(ArenaPlan& arena, const LinearLayer& layer, QuantizerId id) {
  const MemoryUse use = in_vocabulary(layer) ? MemoryUse::embeddings_and_head : MemoryUse::linears;
  arena.add(layer.name, use, device_code_bytes(id, {layer.d_out, layer.d_in}));
  if (layer.bias) arena.add(bias_part(layer), MemoryUse::norms_and_biases, sizeof(float) * layer.d_out);
  if (is_f16(id)) return;
  arena.add(scales_part(layer), use, sizeof(Half) * layer.d_out);
  add_once(arena, codebook_part(id), MemoryUse::codebooks, quantizer(id).codebook().size_bytes());
  add_once(arena, signs_part(layer), MemoryUse::rotations, rotation_sign_bytes(layer.d_in));
  const std::uint64_t dense = dense_sign_bytes(split_rotation(layer.d_in));
  add_once(arena, dense_part(layer.d_in, false), MemoryUse::rotations, dense);
  if (layer.role != LinearRole::embedding) return;
  add_once(arena, dense_part(layer.d_in, true), MemoryUse::rotations, dense);
  add_once(arena, "no signs", MemoryUse::rotations, rotation_sign_bytes(layer.d_in));
}

// How many rows of so many bytes fit, at least one and at most all.
std::size_t rows_within(std::uint64_t bytes, std::uint64_t row, std::size_t all) {
  return std::clamp<std::size_t>(std::size_t(bytes / std::max<std::uint64_t>(row, 1)), 1, all);
}

} // namespace

std::string scales_part(const LinearLayer& layer) { return layer.name + ".row_scales"; }
std::string bias_part(const LinearLayer& layer) { return layer.name + ".bias"; }
std::string codebook_part(QuantizerId id) { return "codebook " + to_string(id); }
std::string signs_part(const LinearLayer& layer) { return "signs " + layer.input; }
std::string dense_part(std::size_t d_in, bool transposed) {
  return (transposed ? "transposed hadamard " : "hadamard ") + std::to_string(d_in);
}

Heads heads_of(const ModelConfig& config) {
  return {int(config.heads), int(config.kv_heads), int(config.head_dim)};
}

std::size_t chunk_tokens(std::size_t capacity) { return std::min(capacity, max_chunk_tokens); }

std::size_t attention_tokens(const ModelConfig& config, std::size_t capacity) {
  return rows_within(attention_bytes, sizeof(float) * attention_scratch(heads_of(config), capacity, 1),
                     chunk_tokens(capacity));
}

std::size_t logit_rows(const ModelConfig& config, std::size_t capacity) {
  return rows_within(logit_bytes, sizeof(float) * config.vocabulary, chunk_tokens(capacity));
}

ArenaPlan weight_arena(const ModelConfig& config, const LayerGraph& graph, const QuantizerOf& quantizer_of) {
  ArenaPlan arena;
  for (const LinearLayer* layer : graph.all_layers()) add_linear(arena, *layer, quantizer_of(*layer));
  for (const NormLayer& norm : graph.norms)
    arena.add(norm.name + ".weight", MemoryUse::norms_and_biases, sizeof(float) * norm.width);
  arena.add("rope", MemoryUse::norms_and_biases, sizeof(float) * (config.head_dim / 2));
  return arena;
}

ArenaPlan workspace_arena(const LayerGraph& graph, const QuantizerOf& quantizer_of) {
  std::uint64_t largest = 0;
  for (const LinearLayer* layer : graph.all_layers()) {
    if (is_f16(quantizer_of(*layer))) continue;
    const std::uint64_t row = sizeof(Half) * f16_stride(layer->d_in);
    largest = std::max(largest, row * rows_within(decoded_bytes, row, layer->d_out));
  }
  ArenaPlan arena;
  arena.add("cublas", MemoryUse::workspace, cublas_workspace_bytes);
  arena.add("decoded", MemoryUse::workspace, largest);
  arena.add("split linears", MemoryUse::workspace, linear_scratch_bytes());
  return arena;
}

std::uint64_t kv_bytes_a_token(const ModelConfig& config) {
  return sizeof(Half) * 2 * std::uint64_t(config.blocks) * config.kv_dim();
}

ArenaPlan sequence_arena(const ModelConfig& config, std::size_t capacity) {
  const std::size_t tokens = chunk_tokens(capacity);
  const std::size_t widest = std::max({config.hidden, config.attention_dim(), config.intermediate});
  ArenaPlan arena;
  const auto add = [&](const char* name, std::uint64_t bytes) { arena.add(name, MemoryUse::buffers, bytes); };
  for (const char* name : {"tokens", "positions", "row numbers"}) add(name, sizeof(int) * tokens);
  add("uniform", sizeof(double)); // a random number in [0, 1), and the token that it selects
  add("sampled", sizeof(int));
  for (const char* name : {"residual", "out"}) add(name, sizeof(float) * tokens * config.hidden);
  add("qkv", sizeof(float) * tokens * (config.attention_dim() + 2 * config.kv_dim()));
  add("attended", sizeof(float) * tokens * config.attention_dim());
  add("gate and up", sizeof(float) * tokens * 2 * config.intermediate);
  for (const char* name : {"plain", "rotated"}) add(name, sizeof(Half) * tokens * widest);
  add("int8", max_decode_rows * int8_row_bytes(widest, int8_terms));
  // As much for every context that leaves room for one token, so that a token costs its keys and values
  // alone.
  add("attention", std::max<std::uint64_t>(attention_bytes,
                                           sizeof(float) * attention_scratch(heads_of(config), capacity, 1)));
  add("logits", sizeof(float) * logit_rows(config, capacity) * config.vocabulary);
  arena.add("kv", MemoryUse::kv_cache, kv_bytes_a_token(config) * capacity);
  return arena;
}

DeviceMemoryPlan device_memory_plan(const ModelConfig& config, const LayerGraph& graph,
                                    const QuantizerOf& quantizer_of, std::size_t context) {
  return {weight_arena(config, graph, quantizer_of), workspace_arena(graph, quantizer_of),
          sequence_arena(config, context)};
}

} // namespace intarsia::cuda

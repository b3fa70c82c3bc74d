// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/error.h"
#include "core/memory/cuda/linear_bytes.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/memory/memory_model.h"

namespace intarsia {
namespace {

using cuda::arena_aligned;
using cuda::MemoryUse;

std::uint64_t& field(ModelMemory& memory, MemoryUse use) {
  switch (use) {
  case MemoryUse::linears:
    return memory.linears;
  case MemoryUse::embeddings_and_head:
    return memory.embeddings_and_head;
  case MemoryUse::norms_and_biases:
    return memory.norms_and_biases;
  case MemoryUse::rotations:
    return memory.rotation_signs;
  case MemoryUse::codebooks:
    return memory.codebooks;
  case MemoryUse::kv_cache:
    return memory.kv_cache;
  case MemoryUse::workspace:
  case MemoryUse::buffers:
    break;
  }
  return memory.buffers;
}

class CudaMemory : public MemoryModel {
 public:
  explicit CudaMemory(std::uint64_t backend_bytes)
      : backend_bytes_(backend_bytes) {}

  DeviceKind device_kind() const override { return DeviceKind::cuda; }

  ModelMemory predict(const ModelInMemory& model, const QuantizerOf& quantizer_of) const override {
    const auto plan = plan_of(model, quantizer_of);
    ModelMemory memory;
    for (int use = 0; use < cuda::memory_uses; ++use)
      field(memory, MemoryUse(use)) += plan.bytes(MemoryUse(use));
    memory.program = backend_bytes_;
    return memory;
  }

  std::uint64_t layer_bytes(const LinearLayer& layer, QuantizerId id) const override {
    const std::uint64_t codes = arena_aligned(cuda::device_code_bytes(id, {layer.d_out, layer.d_in}));
    return id.family == QuantizerFamily::f16 ? codes
                                             : codes + arena_aligned(sizeof(cuda::Half) * layer.d_out);
  }

  // As if every layer that is chosen for were quantized, and every codebook needed.
  ModelMemory predict_fixed(const ModelInMemory& model, const std::set<std::string>& planned) const override {
    std::set<std::string> chosen = planned;
    for (const LinearLayer& layer : model.graph.linears) chosen.insert(layer.name);
    const QuantizerId some = parse_quantizer_id("nuq-2");
    const auto plan = plan_of(
        model, [&](const LinearLayer& layer) { return chosen.contains(layer.name) ? some : QuantizerId{}; });
    for (const LinearLayer* layer : model.graph.all_layers())
      if (chosen.contains(layer->name)) chosen.insert(cuda::scales_part(*layer));
    ModelMemory memory;
    for (const auto* arena : {&plan.weights, &plan.workspace, &plan.sequence})
      for (const auto& [name, part] : arena->parts())
        if (part.use != MemoryUse::codebooks && !chosen.contains(name))
          field(memory, part.use) += arena_aligned(part.bytes);
    for (const Quantizer* member : palette())
      memory.codebooks += arena_aligned(member->codebook().size_bytes());
    memory.program = backend_bytes_;
    return memory;
  }

 private:
  static cuda::DeviceMemoryPlan plan_of(const ModelInMemory& model, const QuantizerOf& quantizer_of) {
    if (model.kv_cache != KvPrecision::f16)
      throw Error(ErrorKind::unsupported, "a GPU holds the KV cache in f16 only: leave --kv-cache out");
    return cuda::device_memory_plan(model.config, model.graph, quantizer_of, model.context);
  }

  std::uint64_t backend_bytes_;
};

} // namespace

std::shared_ptr<const MemoryModel> cuda_memory(std::uint64_t backend_bytes) {
  return std::make_shared<const CudaMemory>(backend_bytes);
}

} // namespace intarsia

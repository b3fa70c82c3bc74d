// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The Llama family's transformer in device memory: binary16 at the linears, f32 between them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/memory/cuda/memory_plan.h"
#include "core/runtime/backend.h"
#include "cuda/backend/products.h"
#include "cuda/launch/launch_groups.h"
#include "cuda/launch/linears.h"
#include "cuda/memory/arena.h"
#include "cuda/memory/stream.h"
#include "cuda/memory/upload.h"

namespace intarsia::cuda {

struct CudaLinear {
  const LinearLayer* layer = nullptr;
  DeviceLinear weights{};
  DeviceRotation rotation{}; // signs are null where the input is read as it is
  const float* bias = nullptr;
  std::string planned_kernel;
  std::vector<DeviceMemory<std::byte>> own; // what a replacement needs beyond the arena
  std::shared_ptr<const Rotation> keeps;    // of a replacement

  bool rotated() const { return rotation.signs != nullptr; }
  bool is_f16() const { return weights.quantizer.family == QuantizerFamily::f16; }
};

struct CudaBlock {
  const float *input_norm, *attention_norm;
  LaunchBundle qkv, out, mlp, down; // into CudaModel::linears
};

struct CudaModel : public LanguageModel {
  CudaModel(int device, const WeightSource& source, const JobControl& control);

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override;
  void replace_linear(std::string_view name, LinearWeights weights) override;
  std::uint64_t weight_bytes() const override { return weights.bytes(); }
  std::string note() const override { return why_no_gemm; }
  void observe_inputs(InputObserver chosen) override { observer = std::move(chosen); }
  const DenseProducts& products() const override;

  void select() const; // makes the device this thread's
  const CudaLinear& head() const { return head_ ? *head_ : embedding; }
  Heads heads() const { return heads_of(config_); }
  // How the inverse of the embedding's rotation is computed, but for the signs.
  DeviceRotation inverse_of(const DeviceRotation& rotation) const;

  int device;
  ModelConfig config_;
  LayerGraph graph_;
  DeviceMemoryPlan planned;
  Stream stream;
  Arena weights, workspace;
  std::vector<CudaLinear> linears; // as LayerGraph::linears
  CudaLinear embedding;
  std::optional<CudaLinear> head_; // none when tied
  std::vector<CudaBlock> blocks;
  LinearScratch scratch{};
  const float *final_norm = nullptr, *rope_frequencies = nullptr;
  std::unique_ptr<Gemm> gemm; // null where cuBLAS is not there: prompts go through in small steps
  std::string why_no_gemm;    // and what that means
  std::optional<CudaProducts> dense_products; // none without cuBLAS
  InputObserver observer;
  std::uint64_t version = 0; // grows when a linear is replaced: captured graphs are void then

 private:
  void load(const WeightSource& source, const JobControl& control);
  void load_linear(CudaLinear& to, const LinearLayer& layer, const WeightSource& source);
  void place(CudaLinear& to, const QuantizedLinear& layer);
  DeviceRotation rotation_for(CudaLinear& to, const std::shared_ptr<const Rotation>& rotation);
  const float* codebook_for(CudaLinear& to, QuantizerId id);
  void start_gemm();
  void group_linears();
  CudaLinear& find(std::string_view name); // throws Error{internal}

  std::vector<std::vector<std::string>> fusions_;
  // What the arena's signs hold, by part; a rotation known by its address is the same.
  std::map<std::string, std::shared_ptr<const Rotation>> rotations_;
};

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A transformer on the CPU, in f32 arithmetic. Differences between model families come from ModelConfig;
// nothing here names a family.
#pragma once

#include <mutex>
#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/cpu_linear.h"

namespace intarsia {

struct CpuExpert {
  CpuLinear gate, up, down;
  std::string input, down_input; // LinearLayer::input of gate and down
};

struct CpuBlock {
  // Gains of RMSNorms; empty where the model has none (BlockNorms).
  std::vector<float> before_attention, after_attention, before_mlp, after_mlp, q_norm, k_norm;
  CpuLinear q, k, v, o, gate, up, down;
  // LinearLayer::input of q, o, gate and down.
  std::string attention_input, output_input, mlp_input, down_input;
  // A mixture of experts in place of gate, up and down; empty: none.
  CpuLinear router;
  std::vector<CpuExpert> experts;
};

struct CpuModel : public LanguageModel {
  CpuModel(const WeightSource& source, const CpuOptions& options, const JobControl& control);

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override;
  std::unique_ptr<SequenceBatch> new_batch(std::size_t count, std::size_t capacity) override;
  std::size_t batch_size() const override { return 64; } // tokens of one tile of the matrix products
  std::vector<float> step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                          std::stop_token stop) override;
  void replace_linear(std::string_view name, LinearWeights weights) override;
  std::uint64_t weight_bytes() const override;
  void observe_inputs(InputObserver chosen) override { observer = std::move(chosen); }

  CpuLinear& linear(std::string_view name); // throws Error{internal} when unknown
  const CpuLinear& head() const { return head_.shape().rows ? head_ : embedding; } // the embedding when tied

  ModelConfig config_;
  LayerGraph graph_;
  CpuOptions options;
  CpuLinear embedding, head_; // head_ is empty when tied
  std::vector<CpuBlock> blocks;
  std::vector<float> final_norm;
  InputObserver observer;
  std::mutex computing; // locked by a sequence or a batch while it computes
};

} // namespace intarsia

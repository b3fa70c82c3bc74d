// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The forward pass on the CPU, over tokens that may belong to different sequences: embed(), then
// run_blocks(), then logits().
#pragma once

#include <span>
#include <vector>

#include "core/runtime/cpu_model.h"
#include "core/runtime/expert_router.h"
#include "core/runtime/kv_cache.h"
#include "core/runtime/rope.h"

namespace intarsia {

// Where a token's keys and values are stored: at `position` of the cache that holds those of the tokens
// before it.
struct CachePosition {
  KvCache* cache;
  std::size_t position;
};

class CpuForward {
 public:
  // Buffers for up to `tokens` at once, at positions below `capacity`. The model must outlive it.
  CpuForward(CpuModel& model, std::size_t tokens, std::size_t capacity);
  static std::uint64_t bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity);

  void check_token(int token) const;       // throws Error{usage} for one outside the vocabulary
  void embed(std::span<const int> tokens); // writes the residual stream
  // The residual stream of the first `tokens`, [tokens, hidden].
  std::span<float> residual(std::size_t tokens);
  // One block over positions.size() tokens, in place on the residual stream; tokens of one sequence are in
  // the order of their positions.
  void run_block(std::size_t index, std::span<const CachePosition> positions);
  void run_blocks(std::span<const CachePosition> positions, std::stop_token stop); // all blocks
  // Of tokens first … first + count - 1 of the residual stream; out: [count, vocabulary].
  void logits(std::size_t first, std::size_t count, std::span<float> out);

 private:
  void attend(const CpuBlock& block, std::size_t index, std::span<const CachePosition> positions);
  void attend_heads(std::size_t index, std::span<const CachePosition> positions);
  void feed_forward(const CpuBlock& block, std::size_t tokens);
  // gate_ = activation(gate_) * up_, over the first `values` of them.
  void gate(std::size_t values);
  // Writes the output of a mixture of experts to out_; an expert is computed for the tokens routed to it
  // only.
  void run_experts(const CpuBlock& block, std::span<const float> input, std::size_t tokens);
  void run_expert(const CpuExpert& expert, std::span<const ExpertUse> uses, std::span<const float> input);
  void observe(const std::string& input, std::span<const float> plain, std::size_t width,
               std::size_t tokens) const;
  void position_heads(const CpuBlock& block, std::size_t index, std::span<const CachePosition> positions);
  // RMSNorm of the residual stream; the stream itself where `gain` is empty.
  std::span<const float> normalised(std::span<const float> gain, std::size_t tokens);
  // Adds out_, normalised where `gain` is not empty, to the residual stream.
  void add_output(std::span<const float> gain, std::size_t tokens);

  CpuModel& model_;
  const std::size_t capacity_;
  const Rope rope_, local_rope_;
  // Activations, [tokens, width].
  std::vector<float> residual_, normed_, q_, k_, v_, attention_, gate_, up_, out_;
  std::vector<float> router_logits_, expert_input_, expert_output_; // of a mixture of experts
  std::vector<float> scores_; // [heads, capacity]: attention scores, one task per head
  LinearInput input_;         // input of the next linear layers
};

} // namespace intarsia

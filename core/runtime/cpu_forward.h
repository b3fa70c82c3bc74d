// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The forward pass on the CPU, for tokens at once that may belong to several sequences.
#pragma once

#include <span>
#include <vector>

#include "core/runtime/cpu_model.h"
#include "core/runtime/expert_router.h"
#include "core/runtime/kv_cache.h"
#include "core/runtime/rope.h"

namespace intarsia {

// Where a token's keys and values go, and those before it are.
struct TokenPlace {
  KvCache* cache;
  std::size_t position;
};

class CpuForward {
 public:
  // For up to `tokens` at once, at positions below `capacity`. The model must outlive it.
  CpuForward(CpuModel& model, std::size_t tokens, std::size_t capacity);
  static std::uint64_t bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity);

  void check_token(int token) const; // throws Error{usage} for one outside the vocabulary
  void embed(std::span<const int> tokens);
  // The residual stream of the first `tokens`, [tokens, hidden].
  std::span<float> residual(std::size_t tokens);
  // One token a place; a sequence's tokens stand in the order of their positions.
  void run_block(std::size_t index, std::span<const TokenPlace> places);
  void run_blocks(std::span<const TokenPlace> places, std::stop_token stop); // all of them
  // Of tokens `first` …, [count, vocabulary].
  void logits(std::size_t first, std::size_t count, std::span<float> out);

 private:
  void attend(const CpuBlock& block, std::size_t index, std::span<const TokenPlace> places);
  void attend_heads(std::size_t index, std::span<const TokenPlace> places);
  void feed_forward(const CpuBlock& block, std::size_t tokens);
  // gate_ = activation(gate_) * up_, of so many values.
  void gate(std::size_t values);
  // The output of a mixture of experts into out_; every expert computes for its own tokens only.
  void run_experts(const CpuBlock& block, std::span<const float> input, std::size_t tokens);
  void run_expert(const CpuExpert& expert, std::span<const ExpertUse> uses, std::span<const float> input);
  void observe(const std::string& input, std::span<const float> plain, std::size_t width,
               std::size_t tokens) const;
  void position_heads(const CpuBlock& block, std::size_t index, std::span<const TokenPlace> places);
  // The residual stream, normalised where the model does so (a gain that is not empty).
  std::span<const float> normalised(std::span<const float> gain, std::size_t tokens);
  // Adds out_ to the residual stream.
  void add_output(std::span<const float> gain, std::size_t tokens);

  CpuModel& model_;
  const std::size_t capacity_;
  const Rope rope_, local_rope_;
  // Activations, [tokens, width].
  std::vector<float> residual_, normed_, q_, k_, v_, attention_, gate_, up_, out_;
  std::vector<float> router_logits_, expert_input_, expert_output_; // of a mixture of experts
  std::vector<float> scores_;                                       // [heads, capacity]: one task a head
  LinearInput input_;                                               // what the linears read next
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/cpu_model.h"
#include "core/runtime/kv_cache.h"

namespace intarsia {

// Activations of the tokens computed at once; every buffer is [tokens, width].
struct Activations {
  Activations(const ModelConfig& config, std::size_t tokens, std::size_t capacity);
  static std::uint64_t bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity);

  std::vector<float> residual, normed, rotated, q, k, v, attention, gate, up, out;
  std::vector<float> scores; // [heads, capacity]: one task a head
};

class CpuSequence : public Sequence {
 public:
  // The model must outlive it.
  CpuSequence(CpuModel& model, std::size_t capacity);

  std::size_t length() const override { return length_; }
  std::size_t capacity() const override { return capacity_; }
  void truncate(std::size_t length) override;
  std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) override;
  std::vector<float> embed(std::span<const int> tokens) override;
  void run_blocks(std::span<float> residual, std::size_t first, std::size_t last,
                  std::stop_token stop) override;
  std::vector<float> to_logits(std::span<const float> residual) override;

 private:
  void check(std::span<const int> tokens) const;
  void run_chunk(std::span<const int> tokens, std::stop_token stop);
  void attend(const CpuBlock& block, std::size_t index, std::size_t tokens);
  void attend_heads(std::size_t index, std::size_t tokens);
  void feed_forward(const CpuBlock& block, std::size_t tokens);
  void observe(const std::string& input, std::span<const float> plain, std::size_t width,
               std::size_t tokens) const;
  void normalise(std::span<const float> gain, std::size_t tokens);
  std::span<const float> input_of(const CpuLinear& layer, std::span<const float> plain, std::size_t tokens);
  void logits(std::size_t first, std::size_t count, std::span<float> out);

  CpuModel& model_;
  std::size_t capacity_, chunk_, length_ = 0;
  KvCache cache_;
  Activations a_;
  const Rotation* rotated_by_ = nullptr; // what a_.rotated holds the present input in
};

} // namespace intarsia

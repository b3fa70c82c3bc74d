// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/cpu_forward.h"

namespace intarsia {

// A sequence on the CPU. Prompts are computed in chunks of tokens, which bounds the activation buffers.
class CpuSequence : public Sequence {
 public:
  // The model must outlive it.
  CpuSequence(CpuModel& model, std::size_t capacity);

  std::size_t length() const override { return length_; }
  std::size_t capacity() const override { return capacity_; }
  void truncate(std::size_t length) override;
  std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) override;
  // See LanguageModel::step.
  static std::vector<float> step(std::span<CpuSequence* const> sequences, std::span<const int> tokens,
                                 std::stop_token stop);

 private:
  static std::vector<float> step_some(std::span<CpuSequence* const> sequences, std::span<const int> tokens,
                                      std::stop_token stop);
  void check(std::span<const int> tokens) const;
  void run_chunk(std::span<const int> tokens, std::stop_token stop);
  std::span<const CachePosition> positions(std::size_t first, std::size_t count);

  CpuModel& model_;
  std::size_t capacity_, chunk_, length_ = 0;
  KvCache cache_;
  CpuForward forward_;
  std::vector<CachePosition> positions_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "core/runtime/cpu_forward.h"

namespace intarsia {

// Sequences on the CPU that are computed together: the weights are read once per step for all of them.
class CpuBatch : public SequenceBatch {
 public:
  // `count` sequences of up to `capacity` tokens. The model must outlive it.
  CpuBatch(CpuModel& model, std::size_t count, std::size_t capacity);
  std::vector<float> step(std::span<const int> tokens, std::stop_token stop) override;

 private:
  CpuModel& model_;
  std::size_t capacity_;
  std::vector<KvCache> caches_;
  std::vector<CachePosition> positions_; // one per sequence, of its next token
  CpuForward forward_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "core/runtime/cpu_forward.h"

namespace intarsia {

// Reads the weights once a step, for all sequences.
class CpuBatch : public SequenceBatch {
 public:
  // The model must outlive it.
  CpuBatch(CpuModel& model, std::size_t count, std::size_t capacity);
  std::vector<float> step(std::span<const int> tokens, std::stop_token stop) override;

 private:
  CpuModel& model_;
  std::size_t capacity_;
  std::vector<KvCache> caches_;
  std::vector<TokenPlace> places_;
  CpuForward forward_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_batch.h"

#include <mutex>

#include "core/base/error.h"

namespace intarsia {

CpuBatch::CpuBatch(CpuModel& model, std::size_t count, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , caches_(count, KvCache(model.config_.blocks, capacity, model.config_.kv_dim(), model.config_.head_dim,
                             model.options.kv_cache()))
    , forward_(model, count, capacity) {
  for (KvCache& cache : caches_) positions_.push_back({&cache, 0});
}

std::vector<float> CpuBatch::step(std::span<const int> tokens, std::stop_token stop) {
  if (tokens.size() != caches_.size() || positions_.empty() || positions_[0].position == capacity_)
    throw Error(ErrorKind::internal, "a batch was given a step that it has no room for");
  for (const int token : tokens) forward_.check_token(token);
  const std::lock_guard lock(model_.computing);
  forward_.embed(tokens);
  forward_.run_blocks(positions_, stop);
  for (CachePosition& position : positions_) ++position.position;
  std::vector<float> logits(tokens.size() * model_.config_.vocabulary);
  forward_.logits(0, tokens.size(), logits);
  return logits;
}

} // namespace intarsia

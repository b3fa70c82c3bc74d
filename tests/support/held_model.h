// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A model that computes only as far as a test lets it.
#pragma once

#include <condition_variable>
#include <mutex>

#include "core/base/error.h"
#include "core/runtime/backend.h"

namespace intarsia::test {

class HeldModel : public LanguageModel {
 public:
  explicit HeldModel(LanguageModel& model)
      : model_(model) {}

  // So many decode steps may be computed from now on, beside those that were allowed before.
  void allow(std::size_t steps) {
    const std::lock_guard lock(mutex_);
    allowed_ += steps;
    changed_.notify_all();
  }

  const ModelConfig& config() const override { return model_.config(); }
  const LayerGraph& graph() const override { return model_.graph(); }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override {
    return model_.new_sequence(capacity);
  }
  std::vector<float> step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                          std::stop_token stop) override {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return allowed_ > 0; });
      if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
      --allowed_;
    }
    return model_.step(sequences, tokens, stop);
  }
  void replace_linear(std::string_view name, LinearWeights weights) override {
    model_.replace_linear(name, std::move(weights));
  }
  std::uint64_t weight_bytes() const override { return model_.weight_bytes(); }
  void observe_inputs(InputObserver observer) override { model_.observe_inputs(std::move(observer)); }

 private:
  LanguageModel& model_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t allowed_ = 0;
};

} // namespace intarsia::test

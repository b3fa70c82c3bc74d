// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A model that answers whatever it is asked with the tokens that a test gives it.
#pragma once

#include <algorithm>

#include "core/runtime/backend.h"

namespace intarsia::test {

class ScriptedModel : public LanguageModel {
 public:
  // `model` lends its configuration. The last token of the script should end the answer.
  ScriptedModel(LanguageModel& model, std::vector<int> script)
      : model_(model)
      , script_(std::move(script)) {}

  const ModelConfig& config() const override { return model_.config(); }
  const LayerGraph& graph() const override { return model_.graph(); }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override {
    return std::make_unique<Written>(*this, capacity);
  }
  void replace_linear(std::string_view name, LinearWeights weights) override {
    model_.replace_linear(name, std::move(weights));
  }
  std::uint64_t weight_bytes() const override { return model_.weight_bytes(); }
  void observe_inputs(InputObserver observer) override { model_.observe_inputs(std::move(observer)); }

 private:
  // What comes next follows from how much of the script stands at the end.
  class Written : public Sequence {
   public:
    Written(const ScriptedModel& model, std::size_t capacity)
        : model_(model)
        , capacity_(capacity) {}
    std::size_t length() const override { return tokens_.size(); }
    std::size_t capacity() const override { return capacity_; }
    void truncate(std::size_t length) override { tokens_.resize(length); }
    std::vector<float> forward(std::span<const int> tokens, bool, std::stop_token) override {
      tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
      const std::vector<int>& script = model_.script_;
      std::size_t written = std::min(script.size() - 1, tokens_.size());
      while (!std::equal(script.begin(), script.begin() + std::ptrdiff_t(written),
                         tokens_.end() - std::ptrdiff_t(written)))
        --written;
      std::vector<float> logits(model_.config().vocabulary, 0.f);
      logits[std::size_t(script[written])] = 30;
      return logits;
    }

   private:
    const ScriptedModel& model_;
    const std::size_t capacity_;
    std::vector<int> tokens_;
  };

  LanguageModel& model_;
  const std::vector<int> script_;
};

} // namespace intarsia::test

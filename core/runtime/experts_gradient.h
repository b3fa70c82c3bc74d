// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A block's mixture of experts in f32, forwards and backwards. Which experts a token takes is held fixed: the
// choice has no slope.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/expert_router.h"

namespace intarsia {

class ExpertsGradient {
 public:
  using Visitor = std::function<void(const LinearLayer& layer, const DenseLinear& weights,
                                     std::span<const float> x, std::span<const float> dy)>;

  // All must outlive it.
  ExpertsGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                  const JobControl& control);

  // x and the result: [tokens, hidden]. Keeps what backward() needs.
  std::vector<float> forward(std::span<const float> x);
  // The gradient by x. Visits every expert's linears once, with all tokens: x and dy are zero for those that
  // the expert does not compute.
  std::vector<float> backward(std::span<const float> d_out, const Visitor& visit) const;

 private:
  struct Linear {
    const LinearLayer* layer = nullptr;
    DenseLinear weights;
  };
  struct Expert {
    Linear gate, up, down;
    std::vector<ExpertUse> uses;
    std::vector<float> input, gated, raised, product, output; // [uses, width]
  };

  void load(const WeightSource& source, const LinearLayer& layer);
  void run(Expert& expert, std::span<const float> x) const;
  std::vector<float> apply(const DenseLinear& weights, std::span<const float> x) const;
  std::vector<float> apply_transposed(const DenseLinear& weights, std::span<const float> dy) const;
  // dx += dy W, and the visit with all tokens.
  void accumulate_gradient(const Linear& linear, const Expert& expert, std::span<const float> x,
                           std::span<const float> dy, std::span<float> dx, const Visitor& visit) const;
  void backward_of(const Expert& expert, std::span<const float> d_out, std::span<float> dx,
                   const Visitor& visit) const;
  std::vector<float> spread(const Expert& expert, std::span<const float> rows, std::size_t width) const;

  const ModelConfig& config_;
  const DenseProducts& products_;
  const JobControl& control_;
  DenseLinear router_;
  std::vector<Expert> experts_;
  std::size_t tokens_ = 0;
  std::vector<float> logits_; // [tokens, experts]
};

} // namespace intarsia

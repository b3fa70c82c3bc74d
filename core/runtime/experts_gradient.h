// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A block's mixture of experts in f32, forward and backward. The choice of experts is taken as constant in
// the backward pass, as it is piecewise constant.
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
  // Called with a layer's input x, [tokens, d_in], and the gradient dy of the loss by its output, [tokens,
  // d_out].
  using Visitor = std::function<void(const LinearLayer& layer, const DenseLinear& weights,
                                     std::span<const float> x, std::span<const float> dy)>;

  // Loads the block's experts; all arguments must outlive it.
  ExpertsGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                  const JobControl& control);

  // x and the result: [tokens, hidden]. Stores the activations that backward() needs.
  std::vector<float> forward(std::span<const float> x);
  // d_out: the gradient by the result of forward(); returns that by x, both [tokens, hidden]. Calls `visit`
  // once for every linear layer of every expert with rows for all tokens: x and dy are zero for tokens of
  // other experts.
  std::vector<float> backward(std::span<const float> d_out, const Visitor& visit) const;

 private:
  struct Linear {
    const LinearLayer* layer = nullptr;
    DenseLinear weights;
  };
  struct Expert {
    Linear gate, up, down;
    std::vector<ExpertUse> uses;
    std::vector<float> input, gated, raised, product, output; // [uses, width]; gated, raised: of gate and up
  };

  void load(const WeightSource& source, const LinearLayer& layer);
  void run(Expert& expert, std::span<const float> x) const;
  std::vector<float> apply(const DenseLinear& weights, std::span<const float> x) const;
  std::vector<float> apply_transposed(const DenseLinear& weights, std::span<const float> dy) const;
  // dx += dy W, and calls `visit` with rows for all tokens.
  void accumulate_gradient(const Linear& linear, const Expert& expert, std::span<const float> x,
                           std::span<const float> dy, std::span<float> dx, const Visitor& visit) const;
  void backward_of(const Expert& expert, std::span<const float> d_out, std::span<float> dx,
                   const Visitor& visit) const;
  // [uses, width] to [tokens, width], zero elsewhere.
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

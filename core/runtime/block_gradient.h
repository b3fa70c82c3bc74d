// SPDX-License-Identifier: GPL-3.0-or-later
// One transformer block in f32, forwards and then backwards, over sequences of equal length that are computed
// at once. It holds the weights of one block only, so a model of any size can be differentiated.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/rope.h"

namespace intarsia {

class BlockGradient {
 public:
  // What a linear read, x [tokens, d_in], and the loss's gradient by what it gave, dy [tokens, d_out].
  using Visitor = std::function<void(const LinearLayer& layer, const DenseLinear& weights,
                                     std::span<const float> x, std::span<const float> dy)>;

  // All must outlive it. The control's stop ends forward() and backward() midway.
  BlockGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                const JobControl& control);

  // residual: [sequences, length, hidden], in place. Keeps what backward() needs.
  void forward(std::span<float> residual, std::size_t length);
  // gradient: of the loss by the residual stream behind the block; becomes that before it. Visits every
  // linear of the block once.
  void backward(std::span<float> gradient, const Visitor& visit);

  // What the linears read in the last forward(), in the order of execution: LinearLayer::input, x [tokens,
  // d_in].
  using InputVisitor = std::function<void(const std::string& input, std::span<const float> x)>;
  void visit_inputs(const InputVisitor& visit) const;

 private:
  struct Linear {
    const LinearLayer* layer = nullptr;
    DenseLinear weights;
    std::vector<float> bias;
  };

  const Linear& at(LinearRole role) const { return linears_.at(role); }
  std::vector<float> apply(LinearRole role, std::span<const float> x) const;
  void attend();
  void attend_backward(std::span<const float> d_attention, std::span<float> dq, std::span<float> dk,
                       std::span<float> dv) const;
  void turn(std::span<float> heads, std::size_t width, bool back) const;
  // dx += dy W.
  void pull(LinearRole role, std::span<const float> x, std::span<const float> dy, std::span<float> dx,
            const Visitor& visit) const;

  const ModelConfig& config_;
  const float epsilon_;
  const DenseProducts& products_;
  const JobControl& control_;
  Rope rope_;
  std::map<LinearRole, Linear> linears_;
  std::vector<float> input_norm_, attention_norm_;
  std::size_t tokens_ = 0, length_ = 0;
  // Of the forward pass, [tokens, width].
  std::vector<float> entering_, input_, q_, k_, v_, attention_, between_, mlp_input_, gate_, up_, product_;
};

} // namespace intarsia

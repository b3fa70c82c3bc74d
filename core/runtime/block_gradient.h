// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One transformer block in f32, forwards and then backwards, over sequences of equal length that are computed
// at once. It holds the weights of one block only, so a model of any size can be differentiated.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/experts_gradient.h"
#include "core/runtime/rope.h"

namespace intarsia {

struct BlockHead;

class BlockGradient {
 public:
  // What a linear read, x [tokens, d_in], and the loss's gradient by what it gave, dy [tokens, d_out].
  using Visitor = std::function<void(const LinearLayer& layer, const DenseLinear& weights,
                                     std::span<const float> x, std::span<const float> dy)>;

  // All must outlive it. The control's stop ends forward() and backward() midway. `context`: of Rope.
  BlockGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                const JobControl& control, std::size_t context = 1);

  // residual: [sequences, length, hidden], in place. Keeps what backward() needs.
  void forward(std::span<float> residual, std::size_t length);
  // gradient: of the loss by the residual stream behind the block; becomes that before it. Visits every
  // linear of the block once.
  void backward(std::span<float> gradient, const Visitor& visit);

  // What the linears read in the last forward(), in the order of execution: LinearLayer::input, x [tokens,
  // d_in]; those of experts are left out.
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
  // A copy of x where there is no gain.
  std::vector<float> normed(std::span<const float> x, std::span<const float> gain) const;
  // `scale` times the gradient by x.
  std::vector<float> normed_backward(std::span<const float> x, std::span<const float> gain,
                                     std::span<const float> dy, float scale) const;
  std::vector<float> feed_forward();
  std::vector<float> feed_forward_backward(std::span<const float> d_out, const Visitor& visit) const;
  BlockHead head_at(std::size_t q_at, std::size_t kv_at) const;
  void attend();
  void attend_backward(std::span<const float> d_attention, std::span<float> dq, std::span<float> dk,
                       std::span<float> dv) const;
  void turn(std::span<float> heads, std::size_t width, bool back) const;
  // dx += dy W.
  void accumulate_gradient(LinearRole role, std::span<const float> x, std::span<const float> dy,
                           std::span<float> dx, const Visitor& visit) const;

  const ModelConfig& config_;
  const BlockAttention attention_of_;
  const float epsilon_;
  const DenseProducts& products_;
  const JobControl& control_;
  Rope rope_;
  std::map<LinearRole, Linear> linears_;
  std::optional<ExpertsGradient> experts_; // in place of gate, up and down
  // Gains of norms; empty: none.
  std::vector<float> before_attention_, after_attention_, before_mlp_, after_mlp_, q_norm_, k_norm_;
  std::size_t tokens_ = 0, length_ = 0;
  // Of the forward pass, [tokens, width].
  std::vector<float> entering_, input_, plain_q_, plain_k_, q_, k_, v_, attention_, attended_, between_,
      mlp_input_, gate_, up_, product_, fed_forward_;
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/block_gradient.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "core/runtime/activation.h"
#include "core/runtime/rms_norm.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t grain = 1 << 14; // values worth a task

bool is_mlp(LinearRole role) {
  return role == LinearRole::gate || role == LinearRole::up || role == LinearRole::down;
}

void add(std::span<float> to, std::span<const float> from, float scale = 1) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += scale * from[i];
}

} // namespace

// One head's causal attention over one sequence. Each row of q, k, v is `dim` values, `stride` apart.
struct BlockHead {
  const float *q, *k, *v;
  std::size_t q_stride, kv_stride, dim;
  float scale, cap;   // of the scores; no cap: 0
  std::size_t window; // 0: none

  // The first token that token t attends to.
  std::size_t first(std::size_t t) const { return window > 0 && t >= window ? t + 1 - window : 0; }

  // Weights of the tokens first(t) … t, for token t, and their slopes by the score before the cap.
  void weights(std::size_t t, std::span<float> out, std::span<float> slopes = {}) const {
    float largest = -INFINITY, sum = 0;
    for (std::size_t s = first(t); s <= t; ++s) {
      out[s] = scale * kernels::dot(q + t * q_stride, k + s * kv_stride, dim);
      if (cap > 0) out[s] = softcap(out[s], cap);
      if (!slopes.empty()) slopes[s] = cap > 0 ? softcap_slope(out[s], cap) : 1;
      largest = std::max(largest, out[s]);
    }
    for (std::size_t s = first(t); s <= t; ++s) sum += out[s] = std::exp(out[s] - largest);
    for (std::size_t s = first(t); s <= t; ++s) out[s] /= sum;
  }
};

BlockGradient::BlockGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                             const JobControl& control, std::size_t context)
    : config_(source.config())
    , attention_of_(config_.attention_of(block))
    , epsilon_(float(config_.rms_epsilon))
    , products_(products)
    , control_(control)
    , rope_(attention_of_.rope == RopeUse::local ? Rope::local(config_) : Rope(config_, context)) {
  if (config_.has_experts(block)) experts_.emplace(source, block, products, control);
  for (const LinearLayer& layer : source.graph().linears)
    if (layer.block == block && !(experts_ && is_mlp(layer.role)))
      linears_[layer.role] = {&layer, to_dense(source.linear(layer)),
                              layer.bias ? source.vector(layer.name + ".bias") : std::vector<float>{}};
  const BlockNorms names = block_norms(config_, block);
  const auto gain = [&](const std::string& name) {
    return name.empty() ? std::vector<float>{} : source.vector(name + ".weight");
  };
  before_attention_ = gain(names.before_attention);
  after_attention_ = gain(names.after_attention);
  before_mlp_ = gain(names.before_mlp);
  after_mlp_ = gain(names.after_mlp);
  q_norm_ = gain(names.q);
  k_norm_ = gain(names.k);
}

std::vector<float> BlockGradient::apply(LinearRole role, std::span<const float> x) const {
  const Linear& linear = at(role);
  const std::size_t rows = linear.weights.shape.rows;
  std::vector<float> y(tokens_ * rows);
  products_.multiply(linear.weights, x, tokens_, y, control_);
  if (!linear.bias.empty())
    for (std::size_t t = 0; t < tokens_; ++t) add(std::span(y).subspan(t * rows, rows), linear.bias);
  return y;
}

void BlockGradient::forward(std::span<float> residual, std::size_t length) {
  tokens_ = residual.size() / config_.hidden;
  length_ = length;
  entering_.assign(residual.begin(), residual.end());
  input_ = normed(residual, before_attention_);
  plain_q_ = apply(LinearRole::q, input_);
  plain_k_ = apply(LinearRole::k, input_);
  v_ = apply(LinearRole::v, input_);
  q_ = normed(plain_q_, q_norm_);
  k_ = normed(plain_k_, k_norm_);
  turn(q_, config_.attention_dim(), false);
  turn(k_, config_.kv_dim(), false);
  attend();
  const float multiplier = float(config_.residual_multiplier);
  attended_ = apply(LinearRole::o, attention_);
  add(residual, normed(attended_, after_attention_), multiplier);

  between_.assign(residual.begin(), residual.end());
  mlp_input_ = normed(residual, before_mlp_);
  fed_forward_ = experts_ ? experts_->forward(mlp_input_) : feed_forward();
  add(residual, normed(fed_forward_, after_mlp_), multiplier);
}

std::vector<float> BlockGradient::feed_forward() {
  gate_ = apply(LinearRole::gate, mlp_input_);
  up_ = apply(LinearRole::up, mlp_input_);
  product_.resize(gate_.size());
  parallel_ranges(gate_.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) product_[i] = activate(config_.activation, gate_[i]) * up_[i];
  });
  return apply(LinearRole::down, product_);
}

std::vector<float> BlockGradient::normed(std::span<const float> x, std::span<const float> gain) const {
  std::vector<float> y(x.begin(), x.end());
  if (!gain.empty()) rms_norm(x, gain, epsilon_, y);
  return y;
}

std::vector<float> BlockGradient::normed_backward(std::span<const float> x, std::span<const float> gain,
                                                  std::span<const float> dy, float scale) const {
  std::vector<float> dx(dy.size());
  if (gain.empty())
    add(dx, dy);
  else
    rms_norm_backward(x, gain, epsilon_, dy, dx);
  for (float& value : dx) value *= scale;
  return dx;
}

std::vector<float> BlockGradient::feed_forward_backward(std::span<const float> d_out,
                                                        const Visitor& visit) const {
  std::vector<float> d_gate(product_.size()), d_up(product_.size());
  accumulate_gradient(LinearRole::down, product_, d_out, d_up, visit);
  parallel_ranges(d_up.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float d_product = d_up[i];
      const ActivationValue activated = activate_with_slope(config_.activation, gate_[i]);
      d_gate[i] = d_product * up_[i] * activated.slope;
      d_up[i] = d_product * activated.value;
    }
  });
  std::vector<float> d_input(mlp_input_.size());
  accumulate_gradient(LinearRole::gate, mlp_input_, d_gate, d_input, visit);
  accumulate_gradient(LinearRole::up, mlp_input_, d_up, d_input, visit);
  return d_input;
}

void BlockGradient::backward(std::span<float> gradient, const Visitor& visit) {
  const float multiplier = float(config_.residual_multiplier);
  const auto d_fed = normed_backward(fed_forward_, after_mlp_, gradient, multiplier);
  std::vector<float> d_normed =
      experts_ ? experts_->backward(d_fed, visit) : feed_forward_backward(d_fed, visit);
  add(gradient, normed_backward(between_, before_mlp_, d_normed, 1));

  std::vector<float> d_attention(attention_.size()), dq(q_.size()), dk(k_.size()), dv(v_.size());
  accumulate_gradient(LinearRole::o, attention_,
                      normed_backward(attended_, after_attention_, gradient, multiplier), d_attention, visit);
  attend_backward(d_attention, dq, dk, dv);
  turn(dq, config_.attention_dim(), true);
  turn(dk, config_.kv_dim(), true);
  dq = normed_backward(plain_q_, q_norm_, dq, 1);
  dk = normed_backward(plain_k_, k_norm_, dk, 1);
  std::fill(d_normed.begin(), d_normed.end(), 0.f);
  accumulate_gradient(LinearRole::q, input_, dq, d_normed, visit);
  accumulate_gradient(LinearRole::k, input_, dk, d_normed, visit);
  accumulate_gradient(LinearRole::v, input_, dv, d_normed, visit);
  add(gradient, normed_backward(entering_, before_attention_, d_normed, 1));
}

void BlockGradient::visit_inputs(const InputVisitor& visit) const {
  visit(at(LinearRole::q).layer->input, input_);
  visit(at(LinearRole::o).layer->input, attention_);
  if (experts_) return; // each reads other tokens than the others: rounded without feedback so far
  visit(at(LinearRole::gate).layer->input, mlp_input_);
  visit(at(LinearRole::down).layer->input, product_);
}

void BlockGradient::accumulate_gradient(LinearRole role, std::span<const float> x, std::span<const float> dy,
                                        std::span<float> dx, const Visitor& visit) const {
  visit(*at(role).layer, at(role).weights, x, dy);
  std::vector<float> part(dx.size());
  products_.multiply_transposed(at(role).weights, dy, tokens_, part, control_);
  add(dx, part);
}

void BlockGradient::turn(std::span<float> heads, std::size_t width, bool back) const {
  if (attention_of_.rope == RopeUse::none) return;
  parallel_ranges(tokens_, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const auto row = heads.subspan(t * width, width);
      back ? rope_.apply_transposed(row, t % length_) : rope_.apply(row, t % length_);
    }
  });
}

BlockHead BlockGradient::head_at(std::size_t q_at, std::size_t kv_at) const {
  return {&q_[q_at],
          &k_[kv_at],
          &v_[kv_at],
          config_.attention_dim(),
          config_.kv_dim(),
          config_.head_dim,
          float(config_.score_scale()),
          float(config_.attention_softcap),
          attention_of_.window};
}

void BlockGradient::attend() {
  const std::size_t dim = config_.head_dim, width = config_.attention_dim(), kv_width = config_.kv_dim();
  const std::size_t shared = config_.heads / config_.kv_heads;
  attention_.assign(tokens_ * width, 0.f);
  parallel_for(tokens_ / length_ * config_.heads, [&](std::size_t task) {
    const std::size_t first = task / config_.heads * length_, head = task % config_.heads;
    const std::size_t q_at = first * width + head * dim, kv_at = first * kv_width + head / shared * dim;
    const BlockHead one = head_at(q_at, kv_at);
    std::vector<float> weights(length_);
    for (std::size_t t = 0; t < length_; ++t) {
      one.weights(t, weights);
      for (std::size_t s = one.first(t); s <= t; ++s)
        kernels::add_scaled(weights[s], one.v + s * kv_width, &attention_[q_at + t * width], dim);
    }
  });
}

// With P the weights and dP = d_attention V^T: dS = P (dP - sum_s P dP) times the slope of the cap, d_q =
// scale dS K, d_k = scale dS^T Q, d_v = P^T d_attention.
void BlockGradient::attend_backward(std::span<const float> d_attention, std::span<float> dq,
                                    std::span<float> dk, std::span<float> dv) const {
  const std::size_t dim = config_.head_dim, width = config_.attention_dim(), kv_width = config_.kv_dim();
  const std::size_t shared = config_.heads / config_.kv_heads;
  // A task has a key-value head of a sequence for itself: nobody else adds to its dk and dv.
  parallel_for(tokens_ / length_ * config_.kv_heads, [&](std::size_t task) {
    const std::size_t first = task / config_.kv_heads * length_, kv_head = task % config_.kv_heads;
    const std::size_t kv_at = first * kv_width + kv_head * dim;
    std::vector<float> weights(length_), slopes(length_), d_weights(length_);
    for (std::size_t head = kv_head * shared; head < (kv_head + 1) * shared; ++head) {
      const std::size_t q_at = first * width + head * dim;
      const BlockHead one = head_at(q_at, kv_at);
      for (std::size_t t = 0; t < length_; ++t) {
        const float* d_out = &d_attention[q_at + t * width];
        one.weights(t, weights, slopes);
        float mean = 0;
        for (std::size_t s = one.first(t); s <= t; ++s) {
          d_weights[s] = kernels::dot(d_out, one.v + s * kv_width, dim);
          mean += weights[s] * d_weights[s];
        }
        for (std::size_t s = one.first(t); s <= t; ++s) {
          const float d_score = one.scale * slopes[s] * weights[s] * (d_weights[s] - mean);
          kernels::add_scaled(weights[s], d_out, &dv[kv_at + s * kv_width], dim);
          kernels::add_scaled(d_score, one.k + s * kv_width, &dq[q_at + t * width], dim);
          kernels::add_scaled(d_score, one.q + t * width, &dk[kv_at + s * kv_width], dim);
        }
      }
    }
  });
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/block_gradient.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "core/runtime/rms_norm.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t grain = 1 << 14; // values worth a task

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

void add(std::span<float> to, std::span<const float> from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

// One head's causal attention over one sequence. Each row of q, k, v is `dim` values, `stride` apart.
struct Head {
  const float *q, *k, *v;
  std::size_t q_stride, kv_stride, dim, length;

  // Weights of the tokens 0 … t, for token t.
  void weights(std::size_t t, std::span<float> out) const {
    const float scale = 1 / std::sqrt(float(dim));
    float largest = -INFINITY, sum = 0;
    for (std::size_t s = 0; s <= t; ++s)
      largest = std::max(largest, out[s] = scale * kernels::dot(q + t * q_stride, k + s * kv_stride, dim));
    for (std::size_t s = 0; s <= t; ++s) sum += out[s] = std::exp(out[s] - largest);
    for (std::size_t s = 0; s <= t; ++s) out[s] /= sum;
  }
};

} // namespace

BlockGradient::BlockGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                             const JobControl& control)
    : config_(source.config())
    , epsilon_(float(config_.rms_epsilon))
    , products_(products)
    , control_(control)
    , rope_(config_) {
  for (const LinearLayer& layer : source.graph().linears)
    if (layer.block == block)
      linears_[layer.role] = {&layer, to_dense(source.linear(layer)),
                              layer.bias ? source.vector(layer.name + ".bias") : std::vector<float>{}};
  const std::string prefix = "model.layers." + std::to_string(block) + ".";
  input_norm_ = source.vector(prefix + "input_layernorm.weight");
  attention_norm_ = source.vector(prefix + "post_attention_layernorm.weight");
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
  input_.resize(residual.size());
  rms_norm(residual, input_norm_, epsilon_, input_);
  q_ = apply(LinearRole::q, input_);
  k_ = apply(LinearRole::k, input_);
  v_ = apply(LinearRole::v, input_);
  turn(q_, config_.attention_dim(), false);
  turn(k_, config_.kv_dim(), false);
  attend();
  add(residual, apply(LinearRole::o, attention_));

  between_.assign(residual.begin(), residual.end());
  mlp_input_.resize(residual.size());
  rms_norm(residual, attention_norm_, epsilon_, mlp_input_);
  gate_ = apply(LinearRole::gate, mlp_input_);
  up_ = apply(LinearRole::up, mlp_input_);
  product_.resize(gate_.size());
  parallel_ranges(gate_.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) product_[i] = gate_[i] * sigmoid(gate_[i]) * up_[i];
  });
  add(residual, apply(LinearRole::down, product_));
}

void BlockGradient::backward(std::span<float> gradient, const Visitor& visit) {
  std::vector<float> d_gate(product_.size()), d_up(product_.size());
  pull(LinearRole::down, product_, gradient, d_up, visit);
  parallel_ranges(d_up.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float d_product = d_up[i], s = sigmoid(gate_[i]);
      d_gate[i] = d_product * up_[i] * s * (1 + gate_[i] * (1 - s)); // silu' = s (1 + x (1 - s))
      d_up[i] = d_product * gate_[i] * s;
    }
  });
  std::vector<float> d_normed(gradient.size());
  pull(LinearRole::gate, mlp_input_, d_gate, d_normed, visit);
  pull(LinearRole::up, mlp_input_, d_up, d_normed, visit);
  rms_norm_backward(between_, attention_norm_, epsilon_, d_normed, gradient);

  std::vector<float> d_attention(attention_.size()), dq(q_.size()), dk(k_.size()), dv(v_.size());
  pull(LinearRole::o, attention_, gradient, d_attention, visit);
  attend_backward(d_attention, dq, dk, dv);
  turn(dq, config_.attention_dim(), true);
  turn(dk, config_.kv_dim(), true);
  std::fill(d_normed.begin(), d_normed.end(), 0.f);
  pull(LinearRole::q, input_, dq, d_normed, visit);
  pull(LinearRole::k, input_, dk, d_normed, visit);
  pull(LinearRole::v, input_, dv, d_normed, visit);
  rms_norm_backward(entering_, input_norm_, epsilon_, d_normed, gradient);
}

void BlockGradient::visit_inputs(const InputVisitor& visit) const {
  visit(at(LinearRole::q).layer->input, input_);
  visit(at(LinearRole::o).layer->input, attention_);
  visit(at(LinearRole::gate).layer->input, mlp_input_);
  visit(at(LinearRole::down).layer->input, product_);
}

void BlockGradient::pull(LinearRole role, std::span<const float> x, std::span<const float> dy,
                         std::span<float> dx, const Visitor& visit) const {
  visit(*at(role).layer, at(role).weights, x, dy);
  std::vector<float> part(dx.size());
  products_.multiply_transposed(at(role).weights, dy, tokens_, part, control_);
  add(dx, part);
}

void BlockGradient::turn(std::span<float> heads, std::size_t width, bool back) const {
  parallel_ranges(tokens_, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const auto row = heads.subspan(t * width, width);
      back ? rope_.apply_inverse(row, t % length_) : rope_.apply(row, t % length_);
    }
  });
}

void BlockGradient::attend() {
  const std::size_t dim = config_.head_dim, width = config_.attention_dim(), kv_width = config_.kv_dim();
  const std::size_t shared = config_.heads / config_.kv_heads;
  attention_.assign(tokens_ * width, 0.f);
  parallel_for(tokens_ / length_ * config_.heads, [&](std::size_t task) {
    const std::size_t first = task / config_.heads * length_, head = task % config_.heads;
    const std::size_t q_at = first * width + head * dim, kv_at = first * kv_width + head / shared * dim;
    const Head one{&q_[q_at], &k_[kv_at], &v_[kv_at], width, kv_width, dim, length_};
    std::vector<float> weights(length_);
    for (std::size_t t = 0; t < length_; ++t) {
      one.weights(t, weights);
      for (std::size_t s = 0; s <= t; ++s)
        kernels::add_scaled(weights[s], one.v + s * kv_width, &attention_[q_at + t * width], dim);
    }
  });
}

// With P the weights and dP = d_attention V^T: dS = P (dP - sum_s P dP), d_q = scale dS K, d_k = scale dS^T
// Q, d_v = P^T d_attention.
void BlockGradient::attend_backward(std::span<const float> d_attention, std::span<float> dq,
                                    std::span<float> dk, std::span<float> dv) const {
  const std::size_t dim = config_.head_dim, width = config_.attention_dim(), kv_width = config_.kv_dim();
  const std::size_t shared = config_.heads / config_.kv_heads;
  const float scale = 1 / std::sqrt(float(dim));
  // A task has a key-value head of a sequence for itself: nobody else adds to its dk and dv.
  parallel_for(tokens_ / length_ * config_.kv_heads, [&](std::size_t task) {
    const std::size_t first = task / config_.kv_heads * length_, kv_head = task % config_.kv_heads;
    const std::size_t kv_at = first * kv_width + kv_head * dim;
    std::vector<float> weights(length_), d_weights(length_);
    for (std::size_t head = kv_head * shared; head < (kv_head + 1) * shared; ++head) {
      const std::size_t q_at = first * width + head * dim;
      const Head one{&q_[q_at], &k_[kv_at], &v_[kv_at], width, kv_width, dim, length_};
      for (std::size_t t = 0; t < length_; ++t) {
        const float* d_out = &d_attention[q_at + t * width];
        one.weights(t, weights);
        float mean = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          d_weights[s] = kernels::dot(d_out, one.v + s * kv_width, dim);
          mean += weights[s] * d_weights[s];
        }
        for (std::size_t s = 0; s <= t; ++s) {
          const float d_score = scale * weights[s] * (d_weights[s] - mean);
          kernels::add_scaled(weights[s], d_out, &dv[kv_at + s * kv_width], dim);
          kernels::add_scaled(d_score, one.k + s * kv_width, &dq[q_at + t * width], dim);
          kernels::add_scaled(d_score, one.q + t * width, &dk[kv_at + s * kv_width], dim);
        }
      }
    }
  });
}

} // namespace intarsia

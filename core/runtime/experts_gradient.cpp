// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/experts_gradient.h"

#include <algorithm>

#include "core/runtime/activation.h"
#include "core/tensor/kernels.h"

namespace intarsia {

ExpertsGradient::ExpertsGradient(const WeightSource& source, std::size_t block, const DenseProducts& products,
                                 const JobControl& control)
    : config_(source.config())
    , products_(products)
    , control_(control)
    , experts_(config_.experts) {
  for (const LinearLayer& router : source.graph().routers)
    if (router.block == block) router_ = to_dense(source.linear(router));
  for (const LinearLayer& layer : source.graph().linears)
    if (layer.block == block) load(source, layer);
}

void ExpertsGradient::load(const WeightSource& source, const LinearLayer& layer) {
  Expert& expert = experts_[layer.expert];
  Linear* linear = layer.role == LinearRole::gate   ? &expert.gate
                   : layer.role == LinearRole::up   ? &expert.up
                   : layer.role == LinearRole::down ? &expert.down
                                                    : nullptr;
  if (linear) *linear = {&layer, to_dense(source.linear(layer))};
}

std::vector<float> ExpertsGradient::apply(const DenseLinear& weights, std::span<const float> x) const {
  const std::size_t tokens = x.size() / weights.shape.columns;
  std::vector<float> y(tokens * weights.shape.rows);
  if (tokens > 0) products_.multiply(weights, x, tokens, y, control_);
  return y;
}

std::vector<float> ExpertsGradient::apply_transposed(const DenseLinear& weights,
                                                     std::span<const float> dy) const {
  const std::size_t tokens = dy.size() / weights.shape.rows;
  std::vector<float> dx(tokens * weights.shape.columns);
  if (tokens > 0) products_.multiply_transposed(weights, dy, tokens, dx, control_);
  return dx;
}

std::vector<float> ExpertsGradient::forward(std::span<const float> x) {
  tokens_ = x.size() / config_.hidden;
  logits_ = apply(router_, x);
  auto uses = route(config_, logits_);
  std::vector<float> out(x.size());
  for (std::size_t e = 0; e < experts_.size(); ++e) {
    Expert& expert = experts_[e];
    expert.uses = std::move(uses[e]);
    run(expert, x);
    for (std::size_t i = 0; i < expert.uses.size(); ++i)
      kernels::add_scaled(expert.uses[i].weight, &expert.output[i * config_.hidden],
                          &out[expert.uses[i].token * config_.hidden], config_.hidden);
  }
  return out;
}

void ExpertsGradient::run(Expert& expert, std::span<const float> x) const {
  expert.input.clear();
  for (const ExpertUse& use : expert.uses) {
    const auto row = x.subspan(use.token * config_.hidden, config_.hidden);
    expert.input.insert(expert.input.end(), row.begin(), row.end());
  }
  expert.gated = apply(expert.gate.weights, expert.input);
  expert.raised = apply(expert.up.weights, expert.input);
  expert.product.resize(expert.gated.size());
  for (std::size_t i = 0; i < expert.product.size(); ++i)
    expert.product[i] = activate(config_.activation, expert.gated[i]) * expert.raised[i];
  expert.output = apply(expert.down.weights, expert.product);
}

std::vector<float> ExpertsGradient::backward(std::span<const float> d_out, const Visitor& visit) const {
  std::vector<float> dx(d_out.size()), d_weights(logits_.size()), d_logits(logits_.size());
  std::vector<std::vector<ExpertUse>> uses;
  for (std::size_t e = 0; e < experts_.size(); ++e) {
    const Expert& expert = experts_[e];
    uses.push_back(expert.uses);
    for (std::size_t i = 0; i < expert.uses.size(); ++i)
      d_weights[expert.uses[i].token * experts_.size() + e] = kernels::dot(
          &expert.output[i * config_.hidden], &d_out[expert.uses[i].token * config_.hidden], config_.hidden);
    backward_of(expert, d_out, dx, visit);
  }
  route_backward(config_, logits_, uses, d_weights, d_logits);
  const auto through_router = apply_transposed(router_, d_logits);
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += through_router[i];
  return dx;
}

void ExpertsGradient::backward_of(const Expert& expert, std::span<const float> d_out, std::span<float> dx,
                                  const Visitor& visit) const {
  const std::size_t hidden = config_.hidden;
  std::vector<float> d_output(expert.output.size()), d_product(expert.product.size()),
      d_input(expert.input.size());
  for (std::size_t i = 0; i < expert.uses.size(); ++i)
    for (std::size_t j = 0; j < hidden; ++j)
      d_output[i * hidden + j] = expert.uses[i].weight * d_out[expert.uses[i].token * hidden + j];
  accumulate_gradient(expert.down, expert, expert.product, d_output, d_product, visit);
  std::vector<float> d_gate(d_product.size());
  for (std::size_t i = 0; i < d_product.size(); ++i) {
    const ActivationValue activated = activate_with_slope(config_.activation, expert.gated[i]);
    d_gate[i] = d_product[i] * expert.raised[i] * activated.slope;
    d_product[i] *= activated.value;
  }
  accumulate_gradient(expert.gate, expert, expert.input, d_gate, d_input, visit);
  accumulate_gradient(expert.up, expert, expert.input, d_product, d_input, visit);
  for (std::size_t i = 0; i < expert.uses.size(); ++i)
    kernels::add_scaled(1, &d_input[i * hidden], &dx[expert.uses[i].token * hidden], hidden);
}

void ExpertsGradient::accumulate_gradient(const Linear& linear, const Expert& expert,
                                          std::span<const float> x, std::span<const float> dy,
                                          std::span<float> dx, const Visitor& visit) const {
  visit(*linear.layer, linear.weights, spread(expert, x, linear.layer->d_in),
        spread(expert, dy, linear.layer->d_out));
  const auto part = apply_transposed(linear.weights, dy);
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += part[i];
}

// Rows of the expert's tokens, at their places among all tokens.
std::vector<float> ExpertsGradient::spread(const Expert& expert, std::span<const float> rows,
                                           std::size_t width) const {
  std::vector<float> all(tokens_ * width);
  for (std::size_t i = 0; i < expert.uses.size(); ++i)
    std::copy_n(rows.begin() + std::ptrdiff_t(i * width), width,
                all.begin() + std::ptrdiff_t(expert.uses[i].token * width));
  return all;
}

} // namespace intarsia

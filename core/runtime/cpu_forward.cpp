// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_forward.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/runtime/activation.h"
#include "core/runtime/logits.h"
#include "core/runtime/rms_norm.h"

namespace intarsia {
namespace {

void softmax(std::span<float> values) {
  const float largest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - largest);
  for (float& value : values) value /= sum;
}

std::size_t inner_width(const ModelConfig& config) {
  return std::max(config.intermediate, config.expert_intermediate);
}

// Of what only a mixture of experts needs, a token.
std::size_t expert_width(const ModelConfig& config) {
  return config.experts > 0 ? config.experts + 2 * config.hidden : 0;
}

std::size_t widest(const ModelConfig& config) {
  return std::max({config.hidden, config.attention_dim(), inner_width(config)});
}

} // namespace

CpuForward::CpuForward(CpuModel& model, std::size_t tokens, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , rope_(model.config_, capacity)
    , local_rope_(Rope::local(model.config_))
    , residual_(tokens * model.config_.hidden)
    , normed_(tokens * model.config_.hidden)
    , q_(tokens * model.config_.attention_dim())
    , k_(tokens * model.config_.kv_dim())
    , v_(tokens * model.config_.kv_dim())
    , attention_(tokens * model.config_.attention_dim())
    , gate_(tokens * inner_width(model.config_))
    , up_(tokens * inner_width(model.config_))
    , out_(tokens * model.config_.hidden)
    , router_logits_(tokens * model.config_.experts)
    , expert_input_(model.config_.experts > 0 ? tokens * model.config_.hidden : 0)
    , expert_output_(expert_input_.size())
    , scores_(model.config_.heads * capacity)
    , input_(tokens, widest(model.config_), model.options.activation_terms) {}

std::uint64_t CpuForward::bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity) {
  return LinearInput::bytes(tokens, widest(config), CpuOptions().activation_terms) +
         sizeof(float) * (tokens * (3 * config.hidden + 2 * config.attention_dim() + 2 * config.kv_dim() +
                                    2 * inner_width(config) + expert_width(config)) +
                          config.heads * capacity);
}

void CpuForward::check_token(int token) const {
  if (token < 0 || std::size_t(token) >= model_.config_.vocabulary)
    throw Error(ErrorKind::usage, "token " + std::to_string(token) +
                                      " lies outside the model's vocabulary of " +
                                      std::to_string(model_.config_.vocabulary));
}

void CpuForward::embed(std::span<const int> tokens) {
  const std::size_t hidden = model_.config_.hidden;
  const float multiplier = float(model_.config_.embedding_multiplier);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto row = std::span(residual_).subspan(t * hidden, hidden);
    model_.embedding.row(std::size_t(tokens[t]), row);
    if (multiplier != 1)
      for (float& value : row) value *= multiplier;
  }
}

std::span<float> CpuForward::residual(std::size_t tokens) {
  return std::span(residual_).first(tokens * model_.config_.hidden);
}

void CpuForward::run_block(std::size_t index, std::span<const CachePosition> positions) {
  attend(model_.blocks[index], index, positions);
  feed_forward(model_.blocks[index], positions.size());
}

void CpuForward::run_blocks(std::span<const CachePosition> positions, std::stop_token stop) {
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
    if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
    run_block(i, positions);
  }
}

std::span<const float> CpuForward::normalised(std::span<const float> gain, std::size_t tokens) {
  if (gain.empty()) return residual(tokens);
  rms_norm(residual(tokens), gain, float(model_.config_.rms_epsilon), normed_);
  return normed_;
}

void CpuForward::add_output(std::span<const float> gain, std::size_t tokens) {
  const auto to = residual(tokens);
  const auto out = std::span(out_).first(to.size());
  if (!gain.empty()) rms_norm(out, gain, float(model_.config_.rms_epsilon), out);
  const float multiplier = float(model_.config_.residual_multiplier);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += multiplier * out[i];
}

void CpuForward::observe(const std::string& input, std::span<const float> plain, std::size_t width,
                         std::size_t tokens) const {
  if (model_.observer) model_.observer(input, plain.first(tokens * width), tokens);
}

void CpuForward::attend(const CpuBlock& block, std::size_t index, std::span<const CachePosition> positions) {
  const ModelConfig& config = model_.config_;
  const std::size_t tokens = positions.size();
  const auto input = normalised(block.before_attention, tokens);
  observe(block.attention_input, input, config.hidden, tokens);
  input_.set(input, tokens, config.hidden);
  const CpuLinear::Product heads[] = {{&block.q, q_}, {&block.k, k_}, {&block.v, v_}};
  CpuLinear::multiply(heads, input_);
  position_heads(block, index, positions);
  attend_heads(index, positions);
  observe(block.output_input, attention_, config.attention_dim(), tokens);
  input_.set(attention_, tokens, config.attention_dim());
  block.o.apply(input_, out_);
  add_output(block.after_attention, tokens);
}

// Norms and rotates queries and keys, and stores keys and values.
void CpuForward::position_heads(const CpuBlock& block, std::size_t index,
                                std::span<const CachePosition> positions) {
  const ModelConfig& config = model_.config_;
  const std::size_t width = config.attention_dim(), kv_width = config.kv_dim();
  const float epsilon = float(config.rms_epsilon);
  const RopeUse use = config.attention_of(index).rope;
  const Rope& rope = use == RopeUse::local ? local_rope_ : rope_;
  for (std::size_t t = 0; t < positions.size(); ++t) {
    const auto query = std::span(q_).subspan(t * width, width),
               key = std::span(k_).subspan(t * kv_width, kv_width);
    if (!block.q_norm.empty()) rms_norm(query, block.q_norm, epsilon, query);
    if (!block.k_norm.empty()) rms_norm(key, block.k_norm, epsilon, key);
    if (use != RopeUse::none) {
      rope.apply(query, positions[t].position);
      rope.apply(key, positions[t].position);
    }
    positions[t].cache->store(index, positions[t].position, key,
                              std::span<const float>(v_).subspan(t * kv_width, kv_width));
  }
}

void CpuForward::attend_heads(std::size_t index, std::span<const CachePosition> positions) {
  const ModelConfig& config = model_.config_;
  const std::size_t dim = config.head_dim, heads_per_kv = config.heads / config.kv_heads;
  const float scale = float(config.score_scale()), cap = float(config.attention_softcap);
  const std::size_t window = config.attention_of(index).window;
  parallel_ranges(config.heads, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t head = begin; head < end; ++head)
      for (std::size_t t = 0; t < positions.size(); ++t) {
        const std::size_t column = t * config.attention_dim() + head * dim,
                          offset = head / heads_per_kv * dim;
        const auto scores = std::span(scores_).subspan(head * capacity_, positions[t].position + 1);
        positions[t].cache->scores(index, offset, std::span<const float>(q_).subspan(column, dim), scores);
        for (float& score : scores) score *= scale;
        if (cap > 0)
          for (float& score : scores) score = softcap(score, cap);
        if (window > 0 && scores.size() > window)
          std::fill(scores.begin(), scores.end() - std::ptrdiff_t(window), -INFINITY);
        softmax(scores);
        const auto out = std::span(attention_).subspan(column, dim);
        std::fill(out.begin(), out.end(), 0.f);
        positions[t].cache->add_values(index, offset, scores, out);
      }
  });
}

void CpuForward::feed_forward(const CpuBlock& block, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  const auto input = normalised(block.before_mlp, tokens);
  if (!block.experts.empty()) {
    run_experts(block, input, tokens);
    return add_output(block.after_mlp, tokens);
  }
  observe(block.mlp_input, input, config.hidden, tokens);
  input_.set(input, tokens, config.hidden);
  const CpuLinear::Product gate_and_up[] = {{&block.gate, gate_}, {&block.up, up_}};
  CpuLinear::multiply(gate_and_up, input_);
  gate(tokens * config.intermediate);
  observe(block.down_input, gate_, config.intermediate, tokens);
  input_.set(gate_, tokens, config.intermediate);
  block.down.apply(input_, out_);
  add_output(block.after_mlp, tokens);
}

void CpuForward::gate(std::size_t values) {
  const Activation activation = model_.config_.activation;
  parallel_ranges(values, 1 << 14, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) gate_[i] = activate(activation, gate_[i]) * up_[i];
  });
}

void CpuForward::run_experts(const CpuBlock& block, std::span<const float> input, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  input_.set(input, tokens, config.hidden);
  block.router.apply(input_, router_logits_);
  const auto uses = route(config, std::span(router_logits_).first(tokens * config.experts));
  std::fill_n(out_.begin(), tokens * config.hidden, 0.f);
  for (std::size_t expert = 0; expert < config.experts; ++expert)
    if (!uses[expert].empty()) run_expert(block.experts[expert], uses[expert], input);
}

void CpuForward::run_expert(const CpuExpert& expert, std::span<const ExpertUse> uses,
                            std::span<const float> input) {
  const std::size_t hidden = model_.config_.hidden, inner = model_.config_.expert_intermediate;
  for (std::size_t i = 0; i < uses.size(); ++i)
    std::copy_n(input.begin() + std::ptrdiff_t(uses[i].token * hidden), hidden,
                expert_input_.begin() + std::ptrdiff_t(i * hidden));
  observe(expert.input, expert_input_, hidden, uses.size());
  input_.set(expert_input_, uses.size(), hidden);
  const CpuLinear::Product gate_and_up[] = {{&expert.gate, gate_}, {&expert.up, up_}};
  CpuLinear::multiply(gate_and_up, input_);
  gate(uses.size() * inner);
  observe(expert.down_input, gate_, inner, uses.size());
  input_.set(gate_, uses.size(), inner);
  expert.down.apply(input_, expert_output_);
  for (std::size_t i = 0; i < uses.size(); ++i)
    for (std::size_t j = 0; j < hidden; ++j)
      out_[uses[i].token * hidden + j] += uses[i].weight * expert_output_[i * hidden + j];
}

void CpuForward::logits(std::size_t first, std::size_t count, std::span<float> out) {
  const std::size_t hidden = model_.config_.hidden;
  rms_norm(std::span(residual_).subspan(first * hidden, count * hidden), model_.final_norm,
           float(model_.config_.rms_epsilon), normed_);
  input_.set(normed_, count, hidden);
  model_.head().apply(input_, out);
  scale_logits(model_.config_, out.first(count * model_.config_.vocabulary));
}

} // namespace intarsia

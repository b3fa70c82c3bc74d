// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_forward.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/runtime/rms_norm.h"

namespace intarsia {
namespace {

void add(std::span<float> to, std::span<const float> from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void softmax(std::span<float> values) {
  const float largest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - largest);
  for (float& value : values) value /= sum;
}

float silu(float x) { return x / (1 + std::exp(-x)); }

std::size_t widest(const ModelConfig& config) {
  return std::max({config.hidden, config.attention_dim(), config.intermediate});
}

} // namespace

CpuForward::CpuForward(CpuModel& model, std::size_t tokens, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , residual_(tokens * model.config_.hidden)
    , normed_(tokens * model.config_.hidden)
    , q_(tokens * model.config_.attention_dim())
    , k_(tokens * model.config_.kv_dim())
    , v_(tokens * model.config_.kv_dim())
    , attention_(tokens * model.config_.attention_dim())
    , gate_(tokens * model.config_.intermediate)
    , up_(tokens * model.config_.intermediate)
    , out_(tokens * model.config_.hidden)
    , scores_(model.config_.heads * capacity)
    , input_(tokens, widest(model.config_), model.options.activation_terms) {}

std::uint64_t CpuForward::bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity) {
  return LinearInput::bytes(tokens, widest(config), CpuOptions().activation_terms) +
         sizeof(float) * (tokens * (3 * config.hidden + 2 * config.attention_dim() + 2 * config.kv_dim() +
                                    2 * config.intermediate) +
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
  for (std::size_t t = 0; t < tokens.size(); ++t)
    model_.embedding.row(std::size_t(tokens[t]), std::span(residual_).subspan(t * hidden, hidden));
}

std::span<float> CpuForward::residual(std::size_t tokens) {
  return std::span(residual_).first(tokens * model_.config_.hidden);
}

void CpuForward::run_block(std::size_t index, std::span<const TokenPlace> places) {
  attend(model_.blocks[index], index, places);
  feed_forward(model_.blocks[index], places.size());
}

void CpuForward::run_blocks(std::span<const TokenPlace> places, std::stop_token stop) {
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
    if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
    run_block(i, places);
  }
}

void CpuForward::normalise(std::span<const float> gain, std::size_t tokens) {
  rms_norm(residual(tokens), gain, float(model_.config_.rms_epsilon), normed_);
}

void CpuForward::observe(const std::string& input, std::span<const float> plain, std::size_t width,
                         std::size_t tokens) const {
  if (model_.observer) model_.observer(input, plain.first(tokens * width), tokens);
}

void CpuForward::attend(const CpuBlock& block, std::size_t index, std::span<const TokenPlace> places) {
  const ModelConfig& config = model_.config_;
  const std::size_t tokens = places.size();
  normalise(block.input_norm, tokens);
  observe(block.attention_input, normed_, config.hidden, tokens);
  input_.set(normed_, tokens, config.hidden);
  const CpuLinear::Product heads[] = {{&block.q, q_}, {&block.k, k_}, {&block.v, v_}};
  CpuLinear::multiply(heads, input_);
  for (std::size_t t = 0; t < tokens; ++t) {
    const auto key = std::span(k_).subspan(t * config.kv_dim(), config.kv_dim());
    const std::size_t position = places[t].position;
    model_.rope.apply(std::span(q_).subspan(t * config.attention_dim(), config.attention_dim()), position);
    model_.rope.apply(key, position);
    places[t].cache->store(index, position, key,
                           std::span<const float>(v_).subspan(t * config.kv_dim(), config.kv_dim()));
  }
  attend_heads(index, places);
  observe(block.output_input, attention_, config.attention_dim(), tokens);
  input_.set(attention_, tokens, config.attention_dim());
  block.o.apply(input_, out_);
  add(std::span(residual_).first(tokens * config.hidden), out_);
}

void CpuForward::attend_heads(std::size_t index, std::span<const TokenPlace> places) {
  const ModelConfig& config = model_.config_;
  const std::size_t dim = config.head_dim, heads_per_kv = config.heads / config.kv_heads;
  const float scale = 1 / std::sqrt(float(dim));
  parallel_ranges(config.heads, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t head = begin; head < end; ++head)
      for (std::size_t t = 0; t < places.size(); ++t) {
        const std::size_t place = t * config.attention_dim() + head * dim, offset = head / heads_per_kv * dim;
        const auto scores = std::span(scores_).subspan(head * capacity_, places[t].position + 1);
        places[t].cache->scores(index, offset, std::span<const float>(q_).subspan(place, dim), scores);
        for (float& score : scores) score *= scale;
        softmax(scores);
        const auto out = std::span(attention_).subspan(place, dim);
        std::fill(out.begin(), out.end(), 0.f);
        places[t].cache->add_values(index, offset, scores, out);
      }
  });
}

void CpuForward::feed_forward(const CpuBlock& block, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  normalise(block.attention_norm, tokens);
  observe(block.mlp_input, normed_, config.hidden, tokens);
  input_.set(normed_, tokens, config.hidden);
  const CpuLinear::Product gate_and_up[] = {{&block.gate, gate_}, {&block.up, up_}};
  CpuLinear::multiply(gate_and_up, input_);
  parallel_ranges(tokens * config.intermediate, 1 << 14, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) gate_[i] = silu(gate_[i]) * up_[i];
  });
  observe(block.down_input, gate_, config.intermediate, tokens);
  input_.set(gate_, tokens, config.intermediate);
  block.down.apply(input_, out_);
  add(std::span(residual_).first(tokens * config.hidden), out_);
}

void CpuForward::logits(std::size_t first, std::size_t count, std::span<float> out) {
  const std::size_t hidden = model_.config_.hidden;
  rms_norm(std::span(residual_).subspan(first * hidden, count * hidden), model_.final_norm,
           float(model_.config_.rms_epsilon), normed_);
  input_.set(normed_, count, hidden);
  model_.head().apply(input_, out);
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_sequence.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_per_chunk =
    128; // long prompts go through in chunks, so that buffers stay bounded

void add(std::span<float> to, std::span<const float> from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void rms_norm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> out) {
  double sum = 0;
  for (const float value : x) sum += double(value) * value;
  const float scale = float(1 / std::sqrt(sum / double(x.size()) + double(epsilon)));
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] * scale * gain[i];
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

Activations::Activations(const ModelConfig& config, std::size_t tokens, std::size_t capacity)
    : residual(tokens * config.hidden)
    , normed(tokens * config.hidden)
    , rotated(tokens * widest(config))
    , q(tokens * config.attention_dim())
    , k(tokens * config.kv_dim())
    , v(tokens * config.kv_dim())
    , attention(tokens * config.attention_dim())
    , gate(tokens * config.intermediate)
    , up(tokens * config.intermediate)
    , out(tokens * config.hidden)
    , scores(config.heads * capacity) {}

std::uint64_t Activations::bytes(const ModelConfig& config, std::size_t tokens, std::size_t capacity) {
  return sizeof(float) * (tokens * (3 * config.hidden + widest(config) + 2 * config.attention_dim() +
                                    2 * config.kv_dim() + 2 * config.intermediate) +
                          config.heads * capacity);
}

std::uint64_t cpu_sequence_bytes(const ModelConfig& config, std::size_t context, const CpuOptions& options) {
  return KvCache::bytes(config.blocks, context, config.kv_dim(), options.half_precision_cache) +
         Activations::bytes(config, std::min(context, tokens_per_chunk), context);
}

CpuSequence::CpuSequence(CpuModel& model, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , chunk_(std::min(capacity, tokens_per_chunk))
    , cache_(model.config_.blocks, capacity, model.config_.kv_dim(), model.options.half_precision_cache)
    , a_(model.config_, chunk_, capacity) {}

void CpuSequence::truncate(std::size_t length) { length_ = std::min(length_, length); }

void CpuSequence::check(std::span<const int> tokens) const {
  if (tokens.empty()) throw Error(ErrorKind::usage, "there are no tokens to compute");
  if (tokens.size() > capacity_ - length_)
    throw Error(ErrorKind::usage, "the context of " + std::to_string(capacity_) +
                                      " tokens is full: start a new chat or choose a longer context");
  for (const int token : tokens)
    if (token < 0 || std::size_t(token) >= model_.config_.vocabulary)
      throw Error(ErrorKind::usage, "token " + std::to_string(token) +
                                        " lies outside the model's vocabulary of " +
                                        std::to_string(model_.config_.vocabulary));
}

std::vector<float> CpuSequence::forward(std::span<const int> tokens, bool last_only, std::stop_token stop) {
  check(tokens);
  const std::size_t vocabulary = model_.config_.vocabulary;
  std::vector<float> out(last_only ? vocabulary : tokens.size() * vocabulary);
  for (std::size_t start = 0; start < tokens.size(); start += chunk_) {
    const auto part = tokens.subspan(start, std::min(chunk_, tokens.size() - start));
    run_chunk(part, stop);
    if (!last_only)
      logits(0, part.size(), std::span(out).subspan(start * vocabulary, part.size() * vocabulary));
    else if (start + part.size() == tokens.size())
      logits(part.size() - 1, 1, out);
  }
  return out;
}

std::vector<float> CpuSequence::embed(std::span<const int> tokens) {
  truncate(0);
  check(tokens);
  const std::size_t hidden = model_.config_.hidden;
  std::vector<float> residual(tokens.size() * hidden);
  for (std::size_t t = 0; t < tokens.size(); ++t)
    model_.embedding.row(std::size_t(tokens[t]), std::span(residual).subspan(t * hidden, hidden));
  return residual;
}

void CpuSequence::run_blocks(std::span<float> residual, std::size_t first, std::size_t last,
                             std::stop_token stop) {
  const std::size_t hidden = model_.config_.hidden, tokens = residual.size() / hidden;
  if (tokens > capacity_ || last > model_.blocks.size())
    throw Error(ErrorKind::internal, "blocks were to run that the sequence does not have");
  for (std::size_t block = first; block < last; ++block)
    for (std::size_t start = 0; start < tokens; start += chunk_) {
      if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
      const std::size_t count = std::min(chunk_, tokens - start);
      const auto part = residual.subspan(start * hidden, count * hidden);
      std::copy(part.begin(), part.end(), a_.residual.begin());
      length_ = start; // earlier positions of this block are in the cache
      attend(model_.blocks[block], block, count);
      feed_forward(model_.blocks[block], count);
      std::copy_n(a_.residual.begin(), part.size(), part.begin());
    }
  truncate(0);
}

std::vector<float> CpuSequence::to_logits(std::span<const float> residual) {
  const std::size_t hidden = model_.config_.hidden, tokens = residual.size() / hidden;
  const std::size_t vocabulary = model_.config_.vocabulary;
  std::vector<float> out(tokens * vocabulary);
  for (std::size_t start = 0; start < tokens; start += chunk_) {
    const std::size_t count = std::min(chunk_, tokens - start);
    std::copy_n(residual.begin() + std::ptrdiff_t(start * hidden), count * hidden, a_.residual.begin());
    logits(0, count, std::span(out).subspan(start * vocabulary, count * vocabulary));
  }
  return out;
}

void CpuSequence::run_chunk(std::span<const int> tokens, std::stop_token stop) {
  const std::size_t hidden = model_.config_.hidden;
  for (std::size_t t = 0; t < tokens.size(); ++t)
    model_.embedding.row(std::size_t(tokens[t]), std::span(a_.residual).subspan(t * hidden, hidden));
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
    if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
    attend(model_.blocks[i], i, tokens.size());
    feed_forward(model_.blocks[i], tokens.size());
  }
  length_ += tokens.size();
}

void CpuSequence::normalise(std::span<const float> gain, std::size_t tokens) {
  const std::size_t hidden = model_.config_.hidden;
  for (std::size_t t = 0; t < tokens; ++t)
    rms_norm(std::span<const float>(a_.residual).subspan(t * hidden, hidden), gain,
             float(model_.config_.rms_epsilon), std::span(a_.normed).subspan(t * hidden, hidden));
  rotated_by_ = nullptr;
}

void CpuSequence::observe(const std::string& input, std::span<const float> plain, std::size_t width,
                          std::size_t tokens) const {
  if (model_.observer) model_.observer(input, plain.first(tokens * width), tokens);
}

// The input as the layer wants it: rotated once for all layers that share the rotation.
std::span<const float> CpuSequence::input_of(const CpuLinear& layer, std::span<const float> plain,
                                             std::size_t tokens) {
  const Rotation* rotation = layer.rotation();
  if (!rotation) return plain;
  const std::span<float> rotated = std::span(a_.rotated).first(tokens * layer.shape().columns);
  if (rotated_by_ != rotation) {
    std::copy_n(plain.begin(), rotated.size(), rotated.begin());
    rotation->apply_rows(rotated);
    rotated_by_ = rotation;
  }
  return rotated;
}

void CpuSequence::attend(const CpuBlock& block, std::size_t index, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  normalise(block.input_norm, tokens);
  observe(block.attention_input, a_.normed, config.hidden, tokens);
  block.q.apply(input_of(block.q, a_.normed, tokens), tokens, a_.q);
  block.k.apply(input_of(block.k, a_.normed, tokens), tokens, a_.k);
  block.v.apply(input_of(block.v, a_.normed, tokens), tokens, a_.v);
  for (std::size_t t = 0; t < tokens; ++t) {
    const auto key = std::span(a_.k).subspan(t * config.kv_dim(), config.kv_dim());
    model_.rope.apply(std::span(a_.q).subspan(t * config.attention_dim(), config.attention_dim()),
                      length_ + t);
    model_.rope.apply(key, length_ + t);
    cache_.store(index, length_ + t, key,
                 std::span<const float>(a_.v).subspan(t * config.kv_dim(), config.kv_dim()));
  }
  attend_heads(index, tokens);
  observe(block.output_input, a_.attention, config.attention_dim(), tokens);
  rotated_by_ = nullptr;
  block.o.apply(input_of(block.o, a_.attention, tokens), tokens, a_.out);
  add(std::span(a_.residual).first(tokens * config.hidden), a_.out);
}

void CpuSequence::attend_heads(std::size_t index, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  const std::size_t dim = config.head_dim, heads_per_kv = config.heads / config.kv_heads;
  const float scale = 1 / std::sqrt(float(dim));
  parallel_ranges(config.heads, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t head = begin; head < end; ++head)
      for (std::size_t t = 0; t < tokens; ++t) {
        const std::size_t place = t * config.attention_dim() + head * dim, offset = head / heads_per_kv * dim;
        const auto scores = std::span(a_.scores).subspan(head * capacity_, length_ + t + 1);
        cache_.scores(index, offset, std::span<const float>(a_.q).subspan(place, dim), scores);
        for (float& score : scores) score *= scale;
        softmax(scores);
        const auto out = std::span(a_.attention).subspan(place, dim);
        std::fill(out.begin(), out.end(), 0.f);
        cache_.add_values(index, offset, scores, out);
      }
  });
}

void CpuSequence::feed_forward(const CpuBlock& block, std::size_t tokens) {
  const ModelConfig& config = model_.config_;
  normalise(block.attention_norm, tokens);
  observe(block.mlp_input, a_.normed, config.hidden, tokens);
  block.gate.apply(input_of(block.gate, a_.normed, tokens), tokens, a_.gate);
  block.up.apply(input_of(block.up, a_.normed, tokens), tokens, a_.up);
  parallel_ranges(tokens * config.intermediate, 1 << 14, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) a_.gate[i] = silu(a_.gate[i]) * a_.up[i];
  });
  observe(block.down_input, a_.gate, config.intermediate, tokens);
  rotated_by_ = nullptr;
  block.down.apply(input_of(block.down, a_.gate, tokens), tokens, a_.out);
  add(std::span(a_.residual).first(tokens * config.hidden), a_.out);
}

void CpuSequence::logits(std::size_t first, std::size_t count, std::span<float> out) {
  const std::size_t hidden = model_.config_.hidden;
  for (std::size_t t = 0; t < count; ++t)
    rms_norm(std::span<const float>(a_.residual).subspan((first + t) * hidden, hidden), model_.final_norm,
             float(model_.config_.rms_epsilon), std::span(a_.normed).subspan(t * hidden, hidden));
  rotated_by_ = nullptr;
  model_.head().apply(input_of(model_.head(), a_.normed, count), count, out);
}

} // namespace intarsia

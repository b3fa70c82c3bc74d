// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_sequence.h"

#include <algorithm>
#include <mutex>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_per_chunk =
    128; // long prompts go through in chunks, so that buffers stay bounded

} // namespace

std::uint64_t cpu_sequence_bytes(const ModelConfig& config, std::size_t context, const CpuOptions& options) {
  return KvCache::bytes(config.blocks, context, config.kv_dim(), config.head_dim, options.kv_cache()) +
         CpuForward::bytes(config, std::min(context, tokens_per_chunk), context);
}

CpuSequence::CpuSequence(CpuModel& model, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , chunk_(std::min(capacity, tokens_per_chunk))
    , cache_(model.config_.blocks, capacity, model.config_.kv_dim(), model.config_.head_dim,
             model.options.kv_cache())
    , forward_(model, chunk_, capacity) {}

void CpuSequence::truncate(std::size_t length) { length_ = std::min(length_, length); }

void CpuSequence::check(std::span<const int> tokens) const {
  if (tokens.empty()) throw Error(ErrorKind::usage, "there are no tokens to compute");
  if (tokens.size() > capacity_ - length_)
    throw Error(ErrorKind::usage, "the context of " + std::to_string(capacity_) +
                                      " tokens is full: start a new chat or choose a longer context");
  for (const int token : tokens) forward_.check_token(token);
}

std::vector<float> CpuSequence::forward(std::span<const int> tokens, bool last_only, std::stop_token stop) {
  check(tokens);
  const std::size_t vocabulary = model_.config_.vocabulary;
  std::vector<float> out(last_only ? vocabulary : tokens.size() * vocabulary);
  for (std::size_t start = 0; start < tokens.size(); start += chunk_) {
    const auto part = tokens.subspan(start, std::min(chunk_, tokens.size() - start));
    const std::lock_guard lock(model_.computing);
    run_chunk(part, stop);
    if (!last_only)
      forward_.logits(0, part.size(), std::span(out).subspan(start * vocabulary, part.size() * vocabulary));
    else if (start + part.size() == tokens.size())
      forward_.logits(part.size() - 1, 1, out);
  }
  return out;
}

std::vector<float> CpuSequence::step(std::span<CpuSequence* const> sequences, std::span<const int> tokens,
                                     std::stop_token stop) {
  std::vector<float> logits;
  std::size_t most = tokens.size(); // at once: what the buffers have room for
  for (const CpuSequence* sequence : sequences) most = std::min(most, sequence->chunk_);
  std::size_t start = 0;
  try {
    for (std::size_t count = 0; start < tokens.size(); start += count) {
      count = std::min(most, tokens.size() - start);
      const auto some = step_some(sequences.subspan(start, count), tokens.subspan(start, count), stop);
      logits.insert(logits.end(), some.begin(), some.end());
    }
  } catch (...) {
    for (CpuSequence* sequence : sequences.first(start)) --sequence->length_;
    throw;
  }
  return logits;
}

// In the buffers of the one with the largest capacity.
std::vector<float> CpuSequence::step_some(std::span<CpuSequence* const> sequences,
                                          std::span<const int> tokens, std::stop_token stop) {
  CpuSequence* host = sequences[0];
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    sequences[i]->check(tokens.subspan(i, 1));
    if (sequences[i]->capacity_ > host->capacity_) host = sequences[i];
  }
  host->positions_.clear();
  for (CpuSequence* sequence : sequences) host->positions_.push_back({&sequence->cache_, sequence->length_});
  std::vector<float> logits(tokens.size() * host->model_.config_.vocabulary);
  const std::lock_guard lock(host->model_.computing);
  host->forward_.embed(tokens);
  host->forward_.run_blocks(host->positions_, stop);
  host->forward_.logits(0, tokens.size(), logits);
  for (CpuSequence* sequence : sequences) ++sequence->length_;
  return logits;
}

std::span<const CachePosition> CpuSequence::positions(std::size_t first, std::size_t count) {
  positions_.clear();
  for (std::size_t i = 0; i < count; ++i) positions_.push_back({&cache_, first + i});
  return positions_;
}

void CpuSequence::run_chunk(std::span<const int> tokens, std::stop_token stop) {
  forward_.embed(tokens);
  forward_.run_blocks(positions(length_, tokens.size()), stop);
  length_ += tokens.size();
}

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
#include "cuda/sequence.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace intarsia::cuda {
namespace {

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
}

std::string memory_name(std::size_t capacity) {
  return "the KV cache and buffers of a context of " + std::to_string(capacity) + " tokens";
}

} // namespace

CudaSequence::CudaSequence(CudaModel& model, std::size_t capacity)
    : model_(model)
    , capacity_(capacity)
    , chunk_(chunk_tokens(capacity))
    , logit_rows_(logit_rows(model.config_, capacity))
    , arena_(sequence_arena(model.config_, capacity), memory_name(capacity))
    , activations_(arena_, model.config_, capacity)
    , forward_(model, activations_)
    , staged_(2 * chunk_, "taking memory for tokens")
    , logits_(model.config_.vocabulary, "taking memory for logits") {
  std::iota(staged_.get(), staged_.get() + chunk_, 0);
  copy_to_device(activations_.row_numbers, std::span<const int>(staged_.get(), chunk_), model.stream,
                 "preparing a sequence");
  model.stream.wait();
}

void CudaSequence::check_tokens(std::span<const int> tokens) const {
  if (tokens.empty()) throw Error(ErrorKind::usage, "there are no tokens to compute");
  if (tokens.size() > capacity_ - length_)
    throw Error(ErrorKind::usage, "the context of " + std::to_string(capacity_) +
                                      " tokens is full: start a new chat or choose a longer context");
  const std::size_t vocabulary = model_.config_.vocabulary;
  for (const int token : tokens)
    if (token < 0 || std::size_t(token) >= vocabulary)
      throw Error(ErrorKind::usage, "token " + std::to_string(token) +
                                        " lies outside the model's vocabulary of " +
                                        std::to_string(vocabulary));
}

// Tokens (none: their residual is there already) and positions to the device.
void CudaSequence::stage(std::span<const int> tokens, std::size_t count, std::size_t position) {
  model_.stream.wait(); // what was staged before may still be read, after a stop
  int* positions = staged_.get() + chunk_;
  std::copy(tokens.begin(), tokens.end(), staged_.get());
  std::iota(positions, positions + count, int(position));
  copy_to_device(activations_.tokens, std::span<const int>(staged_.get(), tokens.size()), model_.stream,
                 "copying tokens");
  copy_to_device(activations_.positions, std::span<const int>(positions, count), model_.stream,
                 "copying positions");
}

void CudaSequence::embed_chunk(std::span<const int> tokens) {
  if (forward_.gathers())
    forward_.embed_gathered(int(tokens.size()));
  else
    forward_.embed_decoded(tokens);
}

void CudaSequence::run_chunk(std::span<const int> tokens, std::stop_token stop) {
  stage(tokens, tokens.size(), length_);
  embed_chunk(tokens);
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
    throw_if_stopped(stop);
    forward_.block(i, int(tokens.size()));
  }
  length_ += tokens.size();
}

// Rows of the present chunk.
void CudaSequence::read_logits(int first, int count, std::span<float> out) {
  const std::size_t vocabulary = model_.config_.vocabulary;
  for (int done = 0; done < count; done += int(logit_rows_)) {
    const int rows = std::min(int(logit_rows_), count - done);
    forward_.logits(first + done, rows);
    copy_to_host(out.subspan(std::size_t(done) * vocabulary, std::size_t(rows) * vocabulary),
                 activations_.logits, model_.stream, "computing logits");
  }
}

// --- one token
// ----------------------------------------------------------------------------------------------

void CudaSequence::enqueue_step() {
  if (forward_.gathers()) forward_.embed_gathered(1);
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) forward_.block(i, 1);
  forward_.logits(0, 1);
}

// The first step runs launch by launch, which loads the kernels; the second is captured.
void CudaSequence::decode(int token) {
  stage(std::span(&token, 1), 1, length_);
  if (step_version_ != model_.version) {
    step_.reset();
    warm_ = false;
    step_version_ = model_.version;
  }
  if (!forward_.gathers()) forward_.embed_decoded(std::span(&token, 1));
  if (warm_ && !step_.ready()) step_.capture(model_.stream, [&] { enqueue_step(); });
  if (step_.ready())
    step_.launch(model_.stream);
  else
    enqueue_step();
  warm_ = true;
  copy_to_host(std::span(logits_.get(), model_.config_.vocabulary),
               static_cast<const float*>(activations_.logits), model_.stream, "computing a token");
  ++length_;
}

std::vector<float> CudaSequence::forward(std::span<const int> tokens, bool last_only, std::stop_token stop) {
  check_tokens(tokens);
  model_.select();
  const std::size_t vocabulary = model_.config_.vocabulary;
  if (tokens.size() == 1 && !model_.observer) {
    throw_if_stopped(stop);
    decode(tokens[0]);
    return {logits_.get(), logits_.get() + vocabulary};
  }
  std::vector<float> out(last_only ? vocabulary : tokens.size() * vocabulary);
  for (std::size_t start = 0; start < tokens.size(); start += chunk_) {
    const auto part = tokens.subspan(start, std::min(chunk_, tokens.size() - start));
    run_chunk(part, stop);
    if (!last_only)
      read_logits(0, int(part.size()), std::span(out).subspan(start * vocabulary, part.size() * vocabulary));
    else if (start + part.size() == tokens.size())
      read_logits(int(part.size()) - 1, 1, out);
  }
  return out;
}

// --- in parts
// -----------------------------------------------------------------------------------------------

std::vector<float> CudaSequence::embed(std::span<const int> tokens) {
  truncate(0);
  check_tokens(tokens);
  model_.select();
  const std::size_t hidden = model_.config_.hidden;
  std::vector<float> residual(tokens.size() * hidden);
  for (std::size_t start = 0; start < tokens.size(); start += chunk_) {
    const auto part = tokens.subspan(start, std::min(chunk_, tokens.size() - start));
    stage(part, part.size(), start);
    embed_chunk(part);
    copy_to_host(std::span(residual).subspan(start * hidden, part.size() * hidden),
                 static_cast<const float*>(activations_.residual), model_.stream, "reading embeddings");
  }
  return residual;
}

void CudaSequence::run_blocks(std::span<float> residual, std::size_t first, std::size_t last,
                              std::stop_token stop) {
  const std::size_t hidden = model_.config_.hidden, tokens = residual.size() / hidden;
  if (tokens > capacity_ || last > model_.blocks.size())
    throw Error(ErrorKind::internal, "blocks were to run that the sequence does not have");
  model_.select();
  truncate(0);
  for (std::size_t start = 0; start < tokens && first < last; start += chunk_) {
    const std::size_t count = std::min(chunk_, tokens - start);
    const auto part = residual.subspan(start * hidden, count * hidden);
    stage({}, count, start);
    copy_to_device(activations_.residual, std::span<const float>(part), model_.stream, "copying activations");
    for (std::size_t block = first; block < last; ++block) {
      throw_if_stopped(stop);
      forward_.block(block, int(count));
    }
    copy_to_host(part, static_cast<const float*>(activations_.residual), model_.stream,
                 "reading activations");
  }
}

std::vector<float> CudaSequence::to_logits(std::span<const float> residual) {
  const std::size_t hidden = model_.config_.hidden, tokens = residual.size() / hidden;
  const std::size_t vocabulary = model_.config_.vocabulary;
  model_.select();
  std::vector<float> out(tokens * vocabulary);
  for (std::size_t start = 0; start < tokens; start += chunk_) {
    const std::size_t count = std::min(chunk_, tokens - start);
    model_.stream.wait();
    copy_to_device(activations_.residual, residual.subspan(start * hidden, count * hidden), model_.stream,
                   "copying activations");
    read_logits(0, int(count), std::span(out).subspan(start * vocabulary, count * vocabulary));
  }
  return out;
}

} // namespace intarsia::cuda

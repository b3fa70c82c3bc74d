// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/backend/sequence.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "core/base/error.h"

namespace intarsia::cuda {
namespace {

// The sampling kernel's sums of weights have room for no more, nor has the list of penalised tokens, which
// lies where attention has its scratch (memory_plan.cpp: at least 32 MiB).
constexpr std::size_t max_sampled_vocabulary = std::size_t(1) << 23;
// Its arithmetic is f32: colder, differences of logits over the temperature would leave the range.
constexpr double min_sampled_temperature = 1e-6;

constexpr std::size_t min_visible = 1024; // below, a launch costs more than its empty blocks

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
    , logits_(model.config_.vocabulary, "taking memory for logits")
    , uniform_(1, "taking memory for a random number")
    , sampled_(1, "taking memory for a token") {
  std::iota(staged_.get(), staged_.get() + chunk_, 0);
  copy_to_device(activations_.row_numbers, std::span<const int>(staged_.get(), chunk_), model.stream,
                 "preparing a sequence");
  model.stream.wait();
}

// What was staged may still be on its way, after a stop.
CudaSequence::~CudaSequence() { cudaStreamSynchronize(model_.stream); }

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

// Tokens and their positions, behind those in the cache, to the device.
void CudaSequence::stage(std::span<const int> tokens) {
  model_.stream.wait(); // what was staged before may still be read, after a stop
  int* positions = staged_.get() + chunk_;
  std::copy(tokens.begin(), tokens.end(), staged_.get());
  std::iota(positions, positions + tokens.size(), int(length_));
  copy_to_device(activations_.tokens, std::span<const int>(staged_.get(), tokens.size()), model_.stream,
                 "copying tokens");
  copy_to_device(activations_.positions, std::span<const int>(positions, tokens.size()), model_.stream,
                 "copying positions");
}

void CudaSequence::run_chunk(std::span<const int> tokens, std::stop_token stop) {
  stage(tokens);
  forward_.see(length_ + tokens.size());
  if (forward_.gathers())
    forward_.embed_gathered(int(tokens.size()));
  else
    forward_.embed_decoded(tokens);
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

// What the step's copies read, which a captured one does each time it runs.
void CudaSequence::begin_step(int token) {
  model_.stream.wait(); // a step before may still read it, after a failure
  staged_.get()[0] = token;
  staged_.get()[chunk_] = int(length_);
  // Which row of the table is decoded is part of the launch: no captured one can do it.
  if (!forward_.gathers()) forward_.embed_decoded(std::span(&token, 1));
}

void CudaSequence::enqueue_step() {
  copy_to_device(activations_.positions, std::span<const int>(staged_.get() + chunk_, 1), model_.stream,
                 "copying a position");
  if (forward_.gathers()) {
    copy_to_device(activations_.tokens, std::span<const int>(staged_.get(), 1), model_.stream,
                   "copying a token");
    forward_.embed_gathered(1);
  }
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) forward_.block(i, 1);
  forward_.logits(0, 1);
}

// Attention gets blocks for the positions that there may be while a captured step serves: from a power of two
// to the next.
std::size_t CudaSequence::visible_positions() const {
  return std::min(capacity_, std::bit_ceil(std::max(length_ + 1, min_visible)));
}

template <typename Enqueue>
void CudaSequence::run(Step& step, const Enqueue& enqueue) {
  if (step.version != model_.version) step.forget();
  step.version = model_.version;
  if (step.visible != visible_positions()) step.graph.reset();
  step.visible = visible_positions();
  forward_.see(step.visible);
  if (step.warm && !step.graph.ready()) step.graph.capture(model_.stream, enqueue);
  if (step.graph.ready())
    step.graph.launch(model_.stream);
  else
    enqueue();
  step.warm = true;
}

void CudaSequence::decode(int token) {
  begin_step(token);
  run(step_, [&] { enqueue_step(); });
}

// --- sampling the next one

bool CudaSequence::can_sample(const SamplingSettings& settings) const {
  return model_.config_.vocabulary <= max_sampled_vocabulary &&
         (settings.temperature == 0 || settings.temperature >= min_sampled_temperature);
}

CudaSequence::TokenChoice CudaSequence::token_choice(const SamplingSettings& settings) const {
  if (settings.temperature == 0) return {0, 1, 0}; // what else is set chooses nothing
  const bool all = settings.top_k >= model_.config_.vocabulary;
  return {float(settings.temperature), settings.top_p, all ? 0 : int(settings.top_k)};
}

// From the logits of one token to sampled_.
void CudaSequence::enqueue_choice(const TokenChoice& choice) {
  const int vocabulary = int(model_.config_.vocabulary);
  int* sampled = arena_.at<int>("sampled");
  if (choice.temperature == 0) {
    launch_argmax(activations_.logits, 1, vocabulary, sampled, model_.stream);
  } else {
    double* uniform = arena_.at<double>("uniform");
    copy_to_device(uniform, std::span<const double>(uniform_.get(), 1), model_.stream,
                   "copying a random number");
    launch_sample(activations_.logits, 1, vocabulary, {choice.temperature, choice.top_p, choice.top_k},
                  uniform, sampled, model_.stream);
  }
  check(cudaMemcpyAsync(sampled_.get(), sampled, sizeof(int), cudaMemcpyDeviceToHost, model_.stream),
        "sampling a token");
}

// The list of tokens grows with every one: no captured launch has it.
void CudaSequence::penalise(std::span<const int> history, double penalty) {
  const std::size_t vocabulary = model_.config_.vocabulary;
  if (!penalised_) penalised_.emplace(vocabulary, "taking memory for repeated tokens");
  std::vector<bool> seen(vocabulary);
  std::size_t listed = 0;
  for (const int token : history) {
    if (token < 0 || std::size_t(token) >= vocabulary || seen[std::size_t(token)]) continue;
    seen[std::size_t(token)] = true;
    penalised_->get()[listed++] = token;
  }
  if (listed == 0) return;
  int* list = reinterpret_cast<int*>(activations_.attention); // attention is done with it
  copy_to_device(list, std::span<const int>(penalised_->get(), listed), model_.stream,
                 "copying repeated tokens");
  launch_penalise(activations_.logits, list, int(listed), float(penalty), model_.stream);
}

void CudaSequence::compute_last_logits(std::span<const int> tokens, std::stop_token stop) {
  if (tokens.size() == 1 && !model_.observer) return decode(tokens[0]);
  std::size_t rows = 0;
  for (std::size_t start = 0; start < tokens.size(); start += rows) {
    rows = std::min(chunk_, tokens.size() - start);
    run_chunk(tokens.subspan(start, rows), stop);
  }
  forward_.logits(int(rows) - 1, 1);
}

int CudaSequence::next_token(std::span<const int> tokens, const SamplingSettings& settings, double uniform,
                             std::span<const int> history, std::stop_token stop) {
  check_tokens(tokens);
  model_.select();
  throw_if_stopped(stop);
  const std::size_t before = length_;
  const TokenChoice choice = token_choice(settings);
  const bool penalty = settings.repetition_penalty != 1;
  model_.stream.wait(); // the number before may still be read, after a failure
  *uniform_.get() = uniform;
  if (tokens.size() == 1 && !model_.observer && !penalty) {
    if (choice_ != choice) sampling_step_.forget();
    choice_ = choice;
    begin_step(tokens[0]);
    run(sampling_step_, [&] {
      enqueue_step();
      enqueue_choice(choice);
    });
  } else {
    compute_last_logits(tokens, stop);
    if (penalty) penalise(history, settings.repetition_penalty);
    enqueue_choice(choice);
  }
  model_.stream.wait();
  length_ = before + tokens.size();
  if (*sampled_.get() < 0) refuse_damaged_logits();
  return *sampled_.get();
}

// --- logits

std::vector<float> CudaSequence::forward(std::span<const int> tokens, bool last_only, std::stop_token stop) {
  check_tokens(tokens);
  model_.select();
  const std::size_t vocabulary = model_.config_.vocabulary;
  if (tokens.size() == 1 && !model_.observer) {
    throw_if_stopped(stop);
    decode(tokens[0]);
    copy_to_host(std::span(logits_.get(), vocabulary), static_cast<const float*>(activations_.logits),
                 model_.stream, "computing a token");
    ++length_;
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

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Random scores of what a model says next, pulled back through the model: for each token a random vector e
// with E[e e'] = diag(p) - p p', p being the distribution of the next token, stands for the loss's gradient
// by the logits, independent from token to token. So the covariance of what becomes of it anywhere in the
// model is Fisher's information there, that is the curvature of the KL divergence from p. The first quarter
// of a sequence has no scores: what a model does without a past (its attention rests on the first token) is a
// small part of any longer text, but would be a large one of these.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/block_gradient.h"
#include "core/runtime/output_gradients.h"

namespace intarsia {

using Tokens = std::vector<int>;

// Tokens of a sequence that have a score.
std::size_t scored_tokens(std::size_t length);

// Who looks on while groups of sequences go through the model and back, one group after the other. Any may be
// empty.
struct BackwardObserver {
  std::function<void(std::span<const Tokens> group)> begin;
  std::function<void(const DenseLinear& embedding)> embedding;
  // The head's input x [length, hidden] of one sequence of the group, and its scores [length, vocabulary],
  // which may be overwritten.
  std::function<void(const DenseLinear& head, std::size_t sequence, std::span<const float> x,
                     std::span<float> scores)>
      head;
  BlockGradient::Visitor linear; // of all the group's tokens, the last block first
  // The gradient by the residual stream that enters block 0, [sequences, length, hidden].
  std::function<void(std::span<const float> gradient)> end;
};

struct ScoreSeed {
  std::uint64_t seed = 1;
  std::size_t first = 0; // sequences of the same seed before these, in other calls
};

// `sequences` are equally long. Reads one block's weights at a time, and keeps the streams that enter the
// blocks, for as many sequences as take half a GiB. Progress is in blocks.
void pull_scores_back(const WeightSource& weights, const std::vector<Tokens>& sequences, ScoreSeed seed,
                      const DenseProducts& products, const JobControl& control,
                      const BackwardObserver& observer);
// The most bytes that it takes.
std::uint64_t backward_bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t length);

// The gradients alone: those of the sequences' tokens are added to `to`.
void add_output_gradients(const WeightSource& weights, const std::vector<Tokens>& sequences, ScoreSeed seed,
                          const DenseProducts& products, const JobControl& control, OutputGradients& to);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How much an error in what a linear gives matters to what the model says, token by token: an error E of the
// weights costs E[(g' E x)^2], x being the linear's input and g the gradient of the loss by its output
// (core/sensitivity/backward_pass.h). Of that two parts are used, as in GuidedQuant (arXiv 2505.07004) and
// YAQA (arXiv 2505.22988):
// - |g| weighs a token's x x' in the moments that a layer is rounded by. Not |g|^2, as it would be if tokens
//   were many: a few of them then decide too much.
// - E[g g'] within a head of the queries and keys lets rows make good what other rows of their head lose.
// KL on SmolLM2 with 3-bit NUQ everywhere, 16,384 tokens of its own text (standard error 0.008): alike 0.328,
// |g|^2 0.327, |g|^(1/2) 0.316, one |g| for all that read the same input 0.311, |g| 0.303; feedback within
// heads alone 0.322, with |g| 0.295. E[g g'] of whole outputs helps little elsewhere: noise shaped by it
// loses, on text that it was not measured on, 0.94 (down, up, v, o) to 1.02 (gate) of what it loses without.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/model/layer_graph.h"

namespace intarsia {

class OutputGradients {
 public:
  OutputGradients() = default;
  explicit OutputGradients(std::size_t head_dim)
      : head_dim_(head_dim) {}

  // dy: [tokens, layer.d_out], of the tokens behind those that were added before. Experts are left out: each
  // reads other tokens than the others.
  void add(const LinearLayer& layer, std::span<const float> dy);
  // |g| of each token; empty where the layer was not added.
  std::span<const float> norms(const std::string& layer) const;
  // The sums over all tokens of g g', [heads, head_dim, head_dim]; empty but for queries and keys.
  std::span<const float> head_moments(const std::string& layer) const;
  std::size_t head_dim() const { return head_dim_; }
  std::size_t tokens() const; // that were added to each layer
  bool finite() const;

  // For another run over the same text. read() returns false, and leaves all as it was, where the bytes are
  // damaged or not of these layers.
  std::string to_bytes() const;
  bool read(std::span<const std::byte> bytes, const LayerGraph& graph);

 private:
  std::size_t head_dim_ = 0;
  std::map<std::string, std::vector<float>> norms_, heads_; // by layer
};

} // namespace intarsia

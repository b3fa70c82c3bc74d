// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the linears of a model read while it runs over a text, block by block: the text's residual stream is
// kept, one block's weights are in memory at a time. The stream is the original's. Fitting later layers to
// the inputs that quantized ones give, with the original's outputs as their aim (GPTAQ, arXiv 2504.02692),
// was measured and left out: on SmolLM2 with 3-bit NUQ, 16,384 tokens of its own text, KL 2.00 nats against
// 0.32, and 0.52 with q, k, v, gate and up alone. So was a damping of 5 % instead of 1 % (no difference).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/palette/hessian.h"
#include "core/palette/row_feedback.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/moment_sum.h"
#include "core/runtime/output_gradients.h"

namespace intarsia {

class BlockGradient;

class Calibration {
 public:
  // `sequences`: tokens, equally long. `gradients`: over the same sequences; a layer that it has is rounded
  // by moments whose tokens are weighed by |g|, others (all, where it is null) weigh all tokens alike. All
  // must outlive it.
  Calibration(const WeightSource& original, std::vector<std::vector<int>> sequences,
              const DenseProducts& products, const OutputGradients* gradients = nullptr);
  ~Calibration();

  std::size_t tokens() const { return sequences_.size() * length_; }
  std::size_t next_block() const { return next_; } // the stream stands before it

  // Sums the moments of what block next_block() reads. Progress is in tokens.
  void read_block(const JobControl& control);
  // Of the layer's rotated input, a layer of the block that was read. Ask for layers in the graph's order:
  // moments are let go when the next factor is made. Throws Error{input} where they are not finite.
  std::shared_ptr<const HessianFactor> factor(const LinearLayer& layer, const Rotation& rotation);
  // For feedback from row to row, of queries and keys with gradients; null for others.
  std::unique_ptr<const RowFactor> row_factor(const LinearLayer& layer) const;
  // Takes the stream past block next_block(). Progress is in tokens.
  void pass_block(const JobControl& control);

  // The stream in a file (tokens x hidden floats), to go on from by another run with the same original and
  // sequences. restore() leaves all as it was and returns false when the file
  // is missing, damaged or of other sizes. save() throws Error{resource} when the disk is full.
  void save(const std::filesystem::path& file) const;
  bool restore(const std::filesystem::path& file);
  void restart(); // before block 0

  // The most bytes that all this takes at once, beside the layer that is being quantized and the gradients.
  static std::uint64_t bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t tokens);

 private:
  void embed();
  // Puts the stream behind block next_; `visit` sees each part of the text in the block, and which token is
  // its first.
  using PartVisitor = std::function<void(const BlockGradient& block, std::size_t first_token)>;
  void run_block(const JobControl& control, const PartVisitor& visit);
  bool weighs_tokens(const LinearLayer& layer) const;
  const std::string& moments_of(const LinearLayer& layer) const; // its key in moments_
  void add_moments(const std::string& input, std::span<const float> x, std::size_t first_token);

  const WeightSource& original_;
  std::vector<std::vector<int>> sequences_;
  const DenseProducts& products_;
  const OutputGradients* gradients_;
  std::size_t length_, next_ = 0;
  bool passed_ = false;       // the stream stands behind next_ already
  std::vector<float> stream_; // [tokens, hidden]
  // Of the block that was read, by layer where that weighs tokens, else by input.
  std::map<std::string, MomentSum> moments_;
  std::string factored_;
  std::shared_ptr<const HessianFactor> factor_; // of factored_
};

} // namespace intarsia

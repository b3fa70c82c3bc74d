// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the linears of a model read while it runs over a text, block by block: the text's residual stream is
// kept, one block's weights are in memory at a time. The stream is the original's. Fitting later layers to
// the inputs that quantized ones give, with the original's outputs as their aim (GPTAQ, arXiv 2504.02692),
// was measured and left out: on SmolLM2 with 3-bit NUQ, 16,384 tokens of its own text, KL 2.00 nats against
// 0.32, and 0.52 with q, k, v, gate and up alone. So were a token's weight of 1 / rms of its input, which
// keeps huge activations from deciding the moments (NUQ 0.305 against 0.311; the allocator's plan at 3.25
// bits 0.1050 against 0.1056, perplexity 27.78 against 27.49), and a damping of 5 % instead of 1 % (no
// difference).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/palette/hessian.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/moment_sum.h"

namespace intarsia {

class BlockGradient;

class Calibration {
 public:
  // `sequences`: tokens, equally long. `original` and `products` must outlive it.
  Calibration(const WeightSource& original, std::vector<std::vector<int>> sequences,
              const DenseProducts& products);
  ~Calibration();

  std::size_t tokens() const { return sequences_.size() * length_; }
  std::size_t next_block() const { return next_; } // the stream stands before it

  // Sums the moments of what block next_block() reads. Progress is in tokens.
  void read_block(const JobControl& control);
  // Of the layer's rotated input, a layer of the block that was read. Ask for layers in the graph's order: an
  // input's moments are let go when another's factor is made. Throws Error{input} where they are not finite.
  std::shared_ptr<const HessianFactor> factor(const LinearLayer& layer, const Rotation& rotation);
  // Takes the stream past block next_block(). Progress is in tokens.
  void pass_block(const JobControl& control);

  // The stream in a file (tokens x hidden floats), to go on from by another run with the same original and
  // sequences. restore() leaves all as it was and returns false when the file
  // is missing, damaged or of other sizes. save() throws Error{resource} when the disk is full.
  void save(const std::filesystem::path& file) const;
  bool restore(const std::filesystem::path& file);
  void restart(); // before block 0

  // The most bytes that all this takes at once, beside the layer that is being quantized.
  static std::uint64_t bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t tokens);

 private:
  void embed();
  // Puts the stream behind block next_; `visit` sees each part of the text in the block.
  void run_block(const JobControl& control, const std::function<void(const BlockGradient&)>& visit);

  const WeightSource& original_;
  std::vector<std::vector<int>> sequences_;
  const DenseProducts& products_;
  std::size_t length_, next_ = 0;
  bool passed_ = false;                      // the stream stands behind next_ already
  std::vector<float> stream_;                // [tokens, hidden]
  std::map<std::string, MomentSum> moments_; // by input, of the block that was read
  std::string factored_input_;
  std::shared_ptr<const HessianFactor> factor_; // of factored_input_
};

} // namespace intarsia

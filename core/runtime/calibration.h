// SPDX-License-Identifier: GPL-3.0-or-later
// What the linears of a model read while it runs over a text, block by block: the text's residual streams are
// kept, one block's weights are in memory at a time. A second stream goes through the blocks as they were
// quantized, so that a later layer is fitted to the inputs that it will really have, and aims at what the
// original computes from its own (asymmetric calibration; GPTAQ, arXiv 2504.02692).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/palette/hessian.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/moment_sum.h"

namespace intarsia {

struct CalibrationOptions {
  bool asymmetric = true; // else both streams are the original's, and targets are the weights
};

class Calibration {
 public:
  // `sequences`: tokens, equally long. `original` and `products` must outlive it.
  Calibration(const WeightSource& original, std::vector<std::vector<int>> sequences,
              const DenseProducts& products, CalibrationOptions options);
  ~Calibration();

  std::size_t tokens() const { return sequences_.size() * length_; }
  std::size_t next_block() const { return next_; } // the streams stand before it

  // Sums the moments of what block next_block() reads. Progress is in tokens.
  void read_block(const JobControl& control);
  // Of the layer's rotated input, a layer of the block that was read. Ask for layers in the graph's order: an
  // input's moments are let go when another's factor is made. Throws Error{input} where they are not finite.
  std::shared_ptr<const HessianFactor> factor(const LinearLayer& layer, const Rotation& rotation);
  // Takes the streams past block next_block(), whose linears `quantized` has. Progress is in tokens.
  void pass_block(const WeightSource& quantized, const JobControl& control);

  // The streams in a file (tokens x hidden floats, twice where asymmetric), to go on from by another run with
  // the same original, sequences and options. restore() leaves all as it was and returns false when the file
  // is missing, damaged or of other sizes. save() throws Error{resource} when the disk is full.
  void save(const std::filesystem::path& file) const;
  bool restore(const std::filesystem::path& file);
  void restart(); // before block 0

  // The most bytes that all this takes at once, beside the layer that is being quantized.
  static std::uint64_t bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t tokens,
                             bool asymmetric);

 private:
  struct Moments;
  using Chunk =
      std::function<void(std::size_t first_token, std::span<float> original, std::span<float> quantized)>;

  bool diverged() const { return options_.asymmetric && next_ > 0; }
  void embed();
  void for_each_chunk(const JobControl& control, const char* stage, const Chunk& visit);

  const WeightSource& original_;
  std::vector<std::vector<int>> sequences_;
  const DenseProducts& products_;
  CalibrationOptions options_;
  std::size_t length_, next_ = 0;
  bool original_passed_ = false; // the original's stream stands behind next_ already
  std::vector<float> original_stream_,
      quantized_stream_;                   // [tokens, hidden]; the second only where diverged()
  std::map<std::string, Moments> moments_; // by input, of the block that was read
  std::string factored_input_;
  std::shared_ptr<const HessianFactor> factor_; // of factored_input_
};

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
// What a model's linears read while it runs over a text: the second moments of their inputs.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/palette/hessian.h"
#include "core/runtime/backend.h"

namespace intarsia {

struct CalibrationOptions {
  std::size_t tokens = 16384; // at most; windows spread evenly over the text
  std::size_t window = 512;
  // Moments held at once (d_in^2 floats an input). Where all blocks' are more, the text is run again for
  // every group of blocks that fits.
  std::uint64_t memory = std::uint64_t(2) << 30;
};

class Calibration {
 public:
  // The model must be the original and outlive it. Throws Error{usage} for a text of fewer than 256 tokens.
  Calibration(LanguageModel& model, std::span<const int> text, const CalibrationOptions& options);

  std::size_t tokens() const;
  std::string identity() const; // the same for the same tokens in the same windows

  // Of the layer's rotated input. Ask for layers in the graph's order: the moments of past blocks are let go.
  std::shared_ptr<const HessianFactor> factor(const LinearLayer& layer, const Rotation& rotation,
                                              const JobControl& control);

 private:
  class Moment;

  void gather(std::size_t first_block, const JobControl& control);
  std::size_t blocks_at_once() const;

  LanguageModel& model_;
  CalibrationOptions options_;
  std::vector<std::vector<int>> windows_;
  std::size_t begin_ = 0, end_ = 0; // blocks whose moments are held
  std::map<std::string, std::shared_ptr<Moment>> moments_;
  std::string factored_input_;
  std::shared_ptr<const HessianFactor> factor_; // of factored_input_
};

} // namespace intarsia

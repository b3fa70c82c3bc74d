// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The calibration of one quantization job: gets the text, runs it through the model block by block as the
// blocks are quantized, and says what was done where that could not be.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/runtime/calibration.h"
#include "core/sensitivity/own_text.h"

namespace intarsia {

class CalibrationRun {
 public:
  // `folder`: of the artifact in the making, where the text and its stream are stored for resumption.
  CalibrationRun(const Checkpoint& checkpoint, const QuantizeOptions& options, std::filesystem::path folder);
  ~CalibrationRun();

  // How much of the text no earlier run or sensitivity has left: to sample, and to weigh. In 0 ... 1.
  double unsampled() const;
  double unweighed() const;
  // Gets the text; `control`'s progress is in tokens of it.
  void start(const JobControl& control);
  // Then: what each token matters to each layer (OutputGradients), as left or measured, and the
  // stream before a block at or before `first_block`, as an earlier run left it or at the beginning.
  void weigh_tokens(std::size_t first_block, const JobControl& control);
  bool active() const { return calibration_ != nullptr; } // else layers are rounded without feedback

  std::size_t next_block() const { return calibration_->next_block(); }
  void read_block(const JobControl& control) { calibration_->read_block(control); }
  // Null, and noted, where the moments are not finite.
  std::shared_ptr<const HessianFactor> factor(const LinearLayer& layer, const Rotation& rotation);
  std::unique_ptr<const RowFactor> row_factor(const LinearLayer& layer) const {
    return calibration_->row_factor(layer);
  }
  void pass_block(const JobControl& control);

  // For the artifact's manifest; what an earlier run noted is part of it.
  OrderedJson record() const;

  static void remove_files(const std::filesystem::path& folder); // once the artifact is whole

 private:
  void find_text();
  bool sample(const JobControl& control);
  std::unique_ptr<LanguageModel> load(const JobControl& control);
  bool fits(std::size_t tokens);
  bool weigh(const JobControl& control);
  void keep_gradients() const;
  std::uint64_t free_memory() const;
  void note(const std::string& sentence);
  void keep_record() const;

  const Checkpoint& checkpoint_;
  const QuantizeOptions& options_;
  const CalibrationChoice& choice_;
  std::filesystem::path folder_;
  std::unique_ptr<WeightSource> original_;
  std::unique_ptr<LanguageModel> model_; // kept where it computes products
  std::optional<OwnTextCache> own_;
  WeighedText text_;
  std::unique_ptr<Calibration> calibration_;
  std::string failed_input_; // whose moments were not finite
  std::vector<std::string> notes_;
};

} // namespace intarsia

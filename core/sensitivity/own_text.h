// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Text that a model wrote itself, and what each of its tokens matters to each layer: a sensitivity that is
// measured on such text leaves both beside the model, and a calibration begins with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/runtime/model_samples.h"
#include "core/runtime/output_gradients.h"

namespace intarsia {

struct WeighedText {
  std::vector<std::vector<int>> sequences; // equally long
  OutputGradients gradients;               // of the first sequences, or of none
  std::size_t tokens() const { return sequences.empty() ? 0 : sequences.size() * sequences[0].size(); }
};

// One file a model and seed, for all jobs. The text is the beginning of the one series that
// sample_from_model() writes of this seed, and the gradients are those of this seed's scores, so who needs
// more of either goes on with it.
class OwnTextCache {
 public:
  static constexpr int version = 3; // raised whenever the same seed gives another text or other gradients
  // What jobs share is never longer: sums over many sequences cannot be taken apart into those over a few.
  static constexpr std::size_t shared_tokens = 16384;

  // `prefix`: of every text (SampleOptions); `tokens`: how long a text is wanted. `job_file`, which may be
  // empty: where one job keeps what others cannot use, or where nothing that they share can be written.
  OwnTextCache(const Checkpoint& checkpoint, std::vector<int> prefix, std::uint64_t seed,
               std::size_t tokens = shared_tokens, std::filesystem::path job_file = {});

  // How the text is sampled, all that is wanted of it.
  const SampleOptions& series() const { return series_; }
  WeighedText find() const; // as much as there is of it; empty where nothing is cached
  bool complete() const;    // find() gives all of it, weighed
  // Leaves what is there where that has as much text and gradients.
  void store(const WeighedText& text) const;

 private:
  WeighedText read(const std::filesystem::path& file) const;
  // The longest; of at most so many sequences.
  WeighedText longest(const std::vector<std::filesystem::path>& files, std::size_t sequences) const;

  const Checkpoint& checkpoint_;
  SampleOptions series_;
  std::size_t shared_count_; // sequences that jobs share at most
  std::vector<std::filesystem::path> shared_;
  std::filesystem::path job_file_;
};

} // namespace intarsia

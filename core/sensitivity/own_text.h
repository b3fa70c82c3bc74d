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

// One file a model and seed. The text is the beginning of the one series that sample_from_model() writes of
// this seed, and the gradients are those of this seed's scores, so who needs more of either goes on with it.
class OwnTextCache {
 public:
  static constexpr int version = 3; // raised whenever the same seed gives another text or other gradients
  // It never holds more, as gradients of many sequences cannot be told from those of a part of them.
  static constexpr std::size_t most_tokens = 16384;

  // `last`: a file to use where neither the model's folder nor the user's cache can be written; may be empty.
  OwnTextCache(const Checkpoint& checkpoint, std::uint64_t seed, const std::filesystem::path& last = {});

  // How the series is sampled, all that can be cached of it.
  const SampleOptions& series() const { return series_; }
  WeighedText find() const; // empty where nothing is cached
  bool complete() const;    // find() gives all of the series, weighed
  // Leaves what is there where that has as much text and gradients, or where this cannot be cached.
  void store(const WeighedText& text) const;

 private:
  WeighedText read(const std::filesystem::path& file) const;

  const Checkpoint& checkpoint_;
  SampleOptions series_;
  std::vector<std::filesystem::path> places_;
};

} // namespace intarsia

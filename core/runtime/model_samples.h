// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Texts sampled from a model itself, for measuring sensitivities and for calibration where no text is given.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/backend.h"

namespace intarsia {

struct SampleOptions {
  std::size_t count = 64;   // sequences
  std::size_t length = 256; // tokens of each
  std::uint64_t seed = 1;
  std::vector<int> prefix; // tokens that every sequence begins with, such as a begin token; part of `length`
  std::size_t skip = 0;    // first sequence to return, so that repeated calls continue one series
};

// `count` sequences of `length` tokens: the prefix, one token sampled uniformly from the vocabulary, and a
// continuation sampled at temperature 1 without truncation. A single uniform token starts each sequence, as
// more would be an unnatural text. The result does not depend on the number of threads. Progress is in
// tokens. Throws Error{input} where a logit is not finite, Error{cancelled} on stop.
std::vector<std::vector<int>> sample_from_model(LanguageModel& model, const SampleOptions& options,
                                                const JobControl& control);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Texts that a model writes itself: what a sensitivity is measured on and a quantization is calibrated on
// where nobody gives a text.
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
  std::vector<int> prefix; // tokens that every sequence begins with, such as a begin token; counted in length
  std::size_t skip = 0;    // sequences that earlier calls made: `count` behind them are returned
};

// `count` sequences of `length` tokens: the prefix, one token drawn uniformly from the vocabulary, and a
// continuation drawn at temperature 1 from the whole distribution. One random token only: after several the
// model would read gibberish, which no text resembles. The same on any number of threads. Progress is in
// tokens. Throws Error{input} when the model computes NaN.
std::vector<std::vector<int>> sample_from_model(LanguageModel& model, const SampleOptions& options,
                                                const JobControl& control);

} // namespace intarsia

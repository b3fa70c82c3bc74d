// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The text that a quantization is calibrated on: the model's own samples, or one that is given.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model/model_config.h"

namespace intarsia {

// The default is the model's own text. No calibration at all is an absent choice (QuantizeOptions).
struct CalibrationChoice {
  std::vector<int> text;      // tokens of a given text; empty: the model writes its own
  std::string name;           // of the given text: the file's name, for the artifact's record
  std::size_t tokens = 16384; // used at most; of a longer text, windows spread evenly
  std::uint64_t seed = 1;     // of the model's own text
  bool own() const { return text.empty(); }
};

// Windows of a given text, equally long. Throws Error{usage} for a text of fewer than 256 tokens.
std::vector<std::vector<int>> given_text(const CalibrationChoice& choice, const ModelConfig& config);

// What tells texts apart, for the resumption of a run.
std::string identity_of(const CalibrationChoice& choice);
// What the artifact says of it: {"text": "own"|"file", …}.
OrderedJson record_of(const CalibrationChoice& choice, const std::vector<std::vector<int>>& sequences);

} // namespace intarsia

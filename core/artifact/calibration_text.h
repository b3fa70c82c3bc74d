// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The text that a quantization is calibrated on: the model's own samples, or one that is given.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"
#include "core/runtime/backend.h"

namespace intarsia {

// The default is the model's own text. No calibration at all is an absent choice (QuantizeOptions).
struct CalibrationChoice {
  std::vector<int> text;      // tokens of a given text; empty: the model writes its own
  std::string name;           // of the given text: the file's name, for the artifact's record
  std::size_t tokens = 16384; // used at most; of a longer text, windows spread evenly
  std::uint64_t seed = 1;     // of the model's own text
  bool own() const { return text.empty(); }
};

struct CalibrationText {
  std::vector<std::vector<int>> sequences; // equally long
  std::size_t tokens() const { return sequences.empty() ? 0 : sequences.size() * sequences[0].size(); }
};

// Cuts a given text into windows. Throws Error{usage} for a text of fewer than 256 tokens.
CalibrationText given_text(const CalibrationChoice& choice, const ModelConfig& config);

// What the model's own text is stored as: beside the model, or in the user's cache folder.
class OwnText {
 public:
  OwnText(const Checkpoint& checkpoint, const CalibrationChoice& choice);

  std::optional<CalibrationText> find() const; // cached by an earlier run
  // Sampled from the model and cached. Progress is in tokens.
  CalibrationText write(LanguageModel& model, const JobControl& control) const;

 private:
  std::optional<CalibrationText> read(const std::filesystem::path& file) const;

  const Checkpoint& checkpoint_;
  std::uint64_t seed_;
  std::size_t count_, length_;
  std::vector<int> prefix_;
  std::vector<std::filesystem::path> places_;
};

// What tells texts apart, for the resumption of a run.
std::string identity_of(const CalibrationChoice& choice);
// What the artifact says of it: {"text": "own"|"file", …}.
OrderedJson record_of(const CalibrationChoice& choice, const CalibrationText& text);

} // namespace intarsia

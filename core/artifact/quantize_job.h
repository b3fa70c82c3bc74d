// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Makes an artifact from a checkpoint and a plan.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "core/allocation/plan.h"
#include "core/artifact/calibration_text.h"
#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"
#include "core/palette/linear_source.h"
#include "core/runtime/backend.h"

namespace intarsia {

struct LayerDone {
  std::string name;
  QuantizerId quantizer;
  // |Q - W|^2 / |W|^2, measured.
  double distortion = 0;
  std::optional<double> proxy_loss; // measured, where it was rounded with feedback
  double seconds = 0;
  bool resumed = false; // taken over from an interrupted run
};

struct QuantizeOptions {
  std::uint64_t seed = 1; // of the rotations
  // The text whose activations weigh the errors: CalibrationChoice{} is the model's own, cached beside it
  // (core/sensitivity/own_text.h); absent: rounding without feedback. `intarsia quantize` and the studio
  // calibrate on the model's own text unless told otherwise.
  std::optional<CalibrationChoice> calibration;
  bool resume = false;                            // go on with what an interrupted run of the same plan left
  std::function<void(const LayerDone&)> on_layer; // called from the job's thread; may be empty
  // What was done otherwise than asked for, in a sentence (too little memory, activations that are not
  // finite); the artifact's manifest says the same. May be empty.
  std::function<void(const std::string&)> on_note;
  // Codes every layer of the plan, one after the other; empty: the CPU. A failure, unless it is Error{input},
  // leaves what is done for resume, which may go on with another encoder.
  EncodeLinear encode = nullptr;
  // Loads the original where it runs best: to sample its own text, and for products with dense matrices.
  // Called once at most, and not at all where no layer is left to do; the model is kept to the job's end.
  // Empty: the CPU, for sampling only, in f16 where f32 does not fit.
  std::function<std::unique_ptr<LanguageModel>(const JobControl&)> load = nullptr;
  std::uint64_t memory = 0; // bytes that calibration may take; 0: what is free
};

// Writes into OUT.partial and renames it to `out` at the end: a kill, a full disk or a cancel leaves no
// broken artifact under the final name. The stages, which Progress::stage names: "sampling texts" and
// "calibrating: which tokens matter" (the model's own text: once a model), then block by block "calibrating:
// …" and the layer that is quantized. Progress is in seconds of one core as expected, so that what is left
// can be told from done and total. An OUT.partial that is there is taken up with `resume` and replaced
// without. Throws Error{usage} when `out` exists already; Error{cancelled} on stop, in any stage: OUT.partial
// stays then, and a resumed run takes over its sampled texts, finished layers and the residual stream behind
// the last finished block.
void quantize_model(const Checkpoint& checkpoint, const Plan& plan, const std::filesystem::path& out,
                    const QuantizeOptions& options, const JobControl& control);

// What a job has of its text before it begins: of the model's own text nothing, or all that a sensitivity or
// an earlier job left (core/sensitivity/own_text.h); of a given one the text.
enum class TextAtHand { none, text, weighed };
// How many times as long as without calibration the job is expected to take on the CPU, for who lets people
// choose.
double calibration_time_factor(const LayerGraph& graph, const Plan& plan, std::size_t tokens,
                               TextAtHand at_hand);

} // namespace intarsia

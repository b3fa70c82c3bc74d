// SPDX-License-Identifier: GPL-3.0-or-later
// Makes an artifact from a checkpoint and a plan.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "core/allocation/plan.h"
#include "core/base/progress.h"
#include "core/checkpoint/checkpoint.h"
#include "core/palette/linear_source.h"
#include "core/runtime/calibration.h"

namespace intarsia {

struct LayerDone {
  std::string name;
  QuantizerId quantizer;
  double distortion = 0;            // measured
  std::optional<double> proxy_loss; // measured, where a calibration was given
  double seconds = 0;
  bool resumed = false; // taken over from an interrupted run
};

struct QuantizeOptions {
  std::uint64_t seed = 1;
  Calibration* calibration = nullptr;             // weighs errors by the activations of a text; null: by none
  bool resume = false;                            // go on with what an interrupted run of the same plan left
  std::function<void(const LayerDone&)> on_layer; // called from the job's thread; may be empty
  // Codes every layer of the plan, one after the other; empty: the CPU. A failure, unless it is Error{input},
  // leaves what is done for resume, which may go on with another encoder.
  EncodeLinear encode = nullptr;
};

// Writes into OUT.partial and renames it to `out` at the end: a kill, a full disk or a cancel leaves no
// broken artifact under the final name. Progress is in weights. Throws Error{usage} when `out` exists already
// (or, without resume, replaces a stale OUT.partial), Error{cancelled} on stop (OUT.partial stays, for
// resume).
void quantize_model(const Checkpoint& checkpoint, const Plan& plan, const std::filesystem::path& out,
                    const QuantizeOptions& options, const JobControl& control);

} // namespace intarsia

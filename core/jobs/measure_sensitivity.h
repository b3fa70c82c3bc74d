// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// Called from the job's thread; both may be empty.
struct SensitivityEvents {
  // The original model, where it was loaded in this process, so that it can be reused.
  std::function<void(std::shared_ptr<LanguageModel>)> on_loaded;
  // Each intermediate estimate; returns false to stop.
  std::function<bool(const Sensitivity& so_far)> on_estimate;
};

// estimate_sensitivity() (core/sensitivity/sensitivity.h) on the target. Texts that the model writes for it
// are cached for calibrations (core/sensitivity/own_text.h). `text_tokens`: the text to measure on; empty:
// texts sampled from the model. Throws Error{input} for a model without weights, Error{cancelled} on stop.
Sensitivity measure_sensitivity(const ExecutionTarget& target, const OpenedModel& model,
                                std::span<const int> text_tokens, const SensitivityOptions& options,
                                const JobControl& control, const SensitivityEvents& events = {});

// The same with a model that runs in this process (which may be a worker).
Sensitivity measure_sensitivity_here(LanguageModel& running, const OpenedModel& model,
                                     std::span<const int> text_tokens, SensitivityOptions options,
                                     const JobControl& control, const OnEstimate& on_estimate);

} // namespace intarsia

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
  std::function<void(std::shared_ptr<LanguageModel>)>
      on_loaded; // the original, where it is loaded in this process: it may be used further
  std::function<bool(const Sensitivity& so_far)> on_estimate; // false: it is good enough
};

// estimate_sensitivity() where the target is. Throws Error{input} for a model without weights.
Sensitivity measure_sensitivity(const ExecutionTarget& target, const OpenedModel& model,
                                std::span<const int> text_tokens, const SensitivityOptions& options,
                                const JobControl& control, const SensitivityEvents& events = {});

} // namespace intarsia

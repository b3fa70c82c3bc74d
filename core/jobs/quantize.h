// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/jobs/execution_target.h"

namespace intarsia {

// quantize_model() (core/artifact/quantize_job.h) on the target, which sets the options `encode`, `load` and
// `memory`. Throws Error{usage} where the model is an artifact.
void quantize(const ExecutionTarget& target, const OpenedModel& model, const Plan& plan,
              const std::filesystem::path& out, const QuantizeOptions& options, const JobControl& control);

} // namespace intarsia

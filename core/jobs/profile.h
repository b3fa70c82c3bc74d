// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/artifact/open_model.h"
#include "core/device/latency_table.h"
#include "core/jobs/execution_target.h"
#include "core/runtime/cpu_profiler.h"

namespace intarsia {

// The latencies of the model's shapes on the target. `options` are the CPU's; their context is cut to what
// the model has positions for.
LatencyTable measure_latency(const ExecutionTarget& target, const OpenedModel& model, ProfileOptions options,
                             const JobControl& control);

} // namespace intarsia

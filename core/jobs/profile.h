// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/artifact/open_model.h"
#include "core/device/latency_table.h"
#include "core/jobs/execution_target.h"
#include "core/runtime/cpu_profiler.h"

namespace intarsia {

// Measures the latencies of the model's layer shapes on the target. `options` apply to the CPU only; their
// context is limited to the model's maximum.
LatencyTable measure_latency(const ExecutionTarget& target, const OpenedModel& model, ProfileOptions options,
                             const JobControl& control);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
// The long jobs, wherever the chosen device is: in this process or in a worker. None of them knows Qt.
#pragma once

#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/base/kernel_check.h"
#include "core/device/latency_table.h"
#include "core/worker/place.h"

namespace intarsia::ui {

// A GPU refuses the model where a sequence of `context` tokens would not fit beside it.
std::shared_ptr<LanguageModel> load_at(const Place& place, const OpenedModel& opened, std::size_t context,
                                       const JobControl& control);
bool lives(const LanguageModel& model); // false: the worker that held it has ended

// Of the options `resume` and `on_layer` count.
void quantize_at(const Place& place, const OpenedModel& opened, const Plan& plan,
                 const std::filesystem::path& out, const QuantizeOptions& options, const JobControl& control);

LatencyTable profile_at(const Place& place, const OpenedModel& opened, const JobControl& control);

std::vector<KernelCheck> selftest_at(const Place& place, std::uint64_t seed, const JobControl& control);

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later
// Where a verb computes: the CPU in this process, a GPU in a worker process.
#pragma once

#include <memory>

#include "app/cli/session.h"
#include "core/worker/place.h"

namespace intarsia::cli {

Place chosen_place(const Options& options); // of --device

std::unique_ptr<LanguageModel> load(const OpenedModel& model, const Place& place, const JobControl& control);

} // namespace intarsia::cli

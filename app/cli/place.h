// SPDX-License-Identifier: GPL-3.0-or-later
// Where a verb computes: the CPU in this process, a GPU in a worker process.
#pragma once

#include <memory>

#include "app/cli/session.h"
#include "core/allocation/sensitivity.h"
#include "core/memory/memory_model.h"
#include "core/worker/place.h"

namespace intarsia::cli {

Place chosen_place(const Options& options); // of --device

// `context`: of the sequence that will run. A GPU refuses here what will not fit there.
std::unique_ptr<LanguageModel> load(const OpenedModel& model, const Place& place, const JobControl& control,
                                    std::size_t context);
// Of the place's memory: what these models, each with such a context, should take ("predicted_bytes", where
// it is a GPU; else `on_cpu`), and the most that was taken so far ("peak_bytes"), by them and by all else
// that runs them.
OrderedJson memory_of(const Place& place, std::span<const OpenedModel* const> models, std::size_t context,
                      OrderedJson on_cpu);
// What a model takes there.
std::shared_ptr<const MemoryModel> memory_model_of(const Place& place);
// estimate_sensitivity() where the place is.
Sensitivity measure_sensitivity(const OpenedModel& model, const Place& place,
                                std::span<const int> text_tokens, const SensitivityOptions& options,
                                const JobControl& control);

} // namespace intarsia::cli

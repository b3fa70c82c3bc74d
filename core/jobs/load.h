// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"

namespace intarsia {

// Loads the model on the target to run sequences of up to `context` tokens. Throws Error{resource} with the
// amounts where memory does not suffice, before any is allocated; Error{unsupported} for a KV cache precision
// that the device does not have; Error{input} for a model without weights. Progress is in layers.
std::unique_ptr<LanguageModel> load(const ExecutionTarget& target, const OpenedModel& model,
                                    std::size_t context, const JobControl& control);

// False when the worker that held the model has ended; it has to be loaded again.
bool is_alive(const LanguageModel& model);

} // namespace intarsia

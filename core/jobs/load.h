// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"

namespace intarsia {

// Loads the model to run sequences of `context` tokens. Throws Error{resource} with the amounts where memory
// does not suffice, before any is taken; Error{unsupported} for a KV cache that the device cannot hold.
std::unique_ptr<LanguageModel> load(const ExecutionTarget& target, const OpenedModel& model,
                                    std::size_t context, const JobControl& control);

// False: the worker that held it has ended, and it must be loaded again.
bool is_alive(const LanguageModel& model);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Memory that models take on an execution target, predicted and measured, in bytes.
#pragma once

#include <optional>
#include <span>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"
#include "core/memory/memory_model.h"

namespace intarsia {

// The memory model of the target's backend. On a GPU the backend's own memory is measured in a worker, which
// takes about a second.
std::shared_ptr<const MemoryModel> memory_of(const ExecutionTarget& target);

// Device memory that these models take together on a GPU, each with a sequence of `context` tokens; nullopt
// for the CPU.
std::optional<std::uint64_t> predicted_memory(const ExecutionTarget& target,
                                              std::span<const OpenedModel* const> models,
                                              std::size_t context);
// Memory that the model takes on the CPU: for an artifact with a sequence of `context` tokens; for a
// checkpoint of its weights in f32 alone.
std::uint64_t cpu_memory_needed(const OpenedModel& model, std::size_t context);

// The peak memory of the process that computes so far: resident memory on the CPU, device memory on a GPU.
std::uint64_t peak_memory(const ExecutionTarget& target);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What models take of a target's memory, expected and measured.
#pragma once

#include <optional>
#include <span>

#include "core/artifact/open_model.h"
#include "core/jobs/execution_target.h"
#include "core/memory/memory_model.h"

namespace intarsia {

// Of the target's backend. On a GPU a worker is asked what the backend itself takes, which takes a second.
std::shared_ptr<const MemoryModel> memory_of(const ExecutionTarget& target);

// Bytes that these models, each with a sequence of so many tokens, take of a GPU; nothing for the CPU.
std::optional<std::uint64_t> predicted_memory(const ExecutionTarget& target,
                                              std::span<const OpenedModel* const> models,
                                              std::size_t context);
// Bytes that the model takes when it runs on the CPU: of an artifact everything with a sequence of so many
// tokens; of a checkpoint its weights in f32.
std::uint64_t cpu_memory_needed(const OpenedModel& model, std::size_t context);

// The most bytes of the target's memory that were taken so far, by its models and by what runs them.
std::uint64_t peak_memory(const ExecutionTarget& target);

} // namespace intarsia

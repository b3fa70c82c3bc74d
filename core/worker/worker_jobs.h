// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jobs in a worker. core/jobs calls these for targets that are in a worker.
#pragma once

#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/device/latency_table.h"
#include "core/evaluation/evaluation.h"
#include "core/sensitivity/sensitivity.h"
#include "core/tensor/kernel_check.h"
#include "core/worker/worker_model.h"

namespace intarsia {

// In all functions `device` is "cpu" or "cuda:N", and paths are of checkpoints or artifacts, which the worker
// opens.

// As estimate_sensitivity(). Where `on_estimate` returns false the worker is stopped, and the result is that
// estimate, without feedback factors.
Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control,
                                  const OnEstimate& on_estimate = {});

// Upper bound of the bytes of a GPU's memory that these models take, each with a sequence of `context`
// tokens, CUDA's own memory included; exact except for what CUDA loads later.
std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context);
// Bytes of a GPU's memory that its backend takes without a model.
std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device);
// Peak of the device memory that the worker has taken so far, in bytes; on "cpu" of its resident memory.
std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device);

// As quantize_model(); the worker sets the options `encode`, `load` and `memory`.
void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const QuantizeOptions& options,
                        const JobControl& control);

// On a GPU only.
LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control);

// `real_shapes`: the largest layer shapes of models with 8B, 70B and 135M weights; GPU only.
std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control,
                                            bool real_shapes = false);

} // namespace intarsia

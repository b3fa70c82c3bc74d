// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Whole jobs as a worker does them; core/jobs decides whether it does.
#pragma once

#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/device/latency_table.h"
#include "core/evaluation/evaluation.h"
#include "core/sensitivity/sensitivity.h"
#include "core/tensor/kernel_check.h"
#include "core/worker/worker_model.h"

namespace intarsia {

// As estimate_sensitivity(), in a worker, on "cpu" or "cuda:N". `path` is the checkpoint's or the artifact's,
// which the worker opens itself. Where `on_estimate` answers false the worker is stopped, and that estimate
// is the result: its feedback factors are not known.
Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control,
                                  const OnEstimate& on_estimate = {});

// The bytes of a GPU's memory that models, each with a sequence of so many tokens, will take at most, with
// what CUDA takes beside them. Exact but for what CUDA loads later.
std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context);
// The bytes of a GPU's memory that its backend takes beside a model.
std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device);
// The most bytes of the device's memory that the worker has taken so far; of the CPU's, its whole process.
std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device);

// As quantize_model(), in a worker, on "cpu" or "cuda:N"; of the options, `encode`, `load` and `memory` are
// the worker's own.
void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const QuantizeOptions& options,
                        const JobControl& control);

// `device` is "cpu" or "cuda:N"; `model` a checkpoint or an artifact.
LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control);

// `real_shapes`: the largest that models of 8B, 70B and 135M weights have, on a GPU.
std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control,
                                            bool real_shapes = false);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later
// What the worker asks of cuda/. Without nvcc gpu_none.cpp answers, with it gpu_cuda.cpp.
#pragma once

#include <memory>
#include <vector>

#include "core/base/json.h"
#include "core/base/kernel_check.h"
#include "core/device/latency_table.h"
#include "core/palette/linear_source.h"
#include "core/runtime/backend.h"

namespace intarsia::worker {

// {"devices":[…],"driver_version":N,"problem":"a sentence, or empty"}. To measure bandwidth and overhead
// takes memory, and a second a card.
OrderedJson gpu_devices(bool measure);

// `context`: tokens of a sequence to come, for which there must be room too; 0: none. `promised`: bytes for
// those of other models. Throws Error, before anything is allocated: no such GPU, no driver, not enough
// memory.
std::unique_ptr<LanguageModel> load_on_gpu(int index, const WeightSource& weights, std::size_t context,
                                           std::uint64_t promised, const JobControl& control);
// Bytes that a sequence of so many tokens takes on a GPU.
std::uint64_t gpu_sequence_bytes(const ModelConfig& config, std::size_t context);

// Of a GPU's memory: "overhead", what CUDA takes beside a model; "peak", the most that this process has
// taken; "free" and "total", now.
OrderedJson gpu_usage(int index);
// Looks how much is taken of the GPUs that are used, for the peak.
void note_gpu_memory() noexcept;

// Quantizes on the GPU, and takes memory there only while it does. Throws Error: no such GPU, no driver.
EncodeLinear gpu_encoder(int index);

// Throws Error{resource}: no such GPU, or no driver.
void require_gpu(int index);

// `real_shapes`: of large models, in place of small random ones.
std::vector<KernelCheck> selftest_gpu(int index, std::uint64_t seed, int cases, bool real_shapes,
                                      const JobControl& control);

// The latencies of a model's shapes, for every quantizer and kernel.
LatencyTable profile_gpu(int index, const ModelConfig& config, const LayerGraph& graph,
                         const JobControl& control);

// After a fault on the device nothing more can be done on it in this process.
bool gpu_is_lost();

} // namespace intarsia::worker

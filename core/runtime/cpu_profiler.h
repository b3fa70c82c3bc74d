// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Measures the latency table (latency.json) of the CPU that this process runs on.
#pragma once

#include "core/base/progress.h"
#include "core/device/latency_table.h"
#include "core/model/layer_graph.h"

namespace intarsia {

struct ProfileOptions {
  std::size_t repeats = 15;  // timed runs of each linear layer after two warm-up runs; the median is recorded
  std::size_t context = 512; // tokens; the constant is measured at half of it
};

// Times every layer shape of the model with every quantizer, for one token (batch 1), on random codes: no
// weights are needed. The table's constant is the time of a whole decode step without its linear layers
// (attention, norms, sampling). Fused layers are not timed: on a CPU fusing gains nothing.
LatencyTable profile_cpu(const ModelConfig& config, const LayerGraph& graph, const ProfileOptions& options,
                         const JobControl& control);

} // namespace intarsia

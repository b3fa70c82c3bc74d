// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Measures latency.json for the CPU that runs it.
#pragma once

#include "core/base/progress.h"
#include "core/device/latency_table.h"
#include "core/model/layer_graph.h"

namespace intarsia {

struct ProfileOptions {
  std::size_t repeats = 15;  // timed runs of each linear, after two to warm up; the median counts
  std::size_t context = 512; // the constant is taken in the middle of it
};

// Every shape of the model with every quantizer, for one token, on random codes: no weights are needed. The
// constant is what a whole decode step takes beside its linears. A CPU gains nothing by fusing, so no fused
// shapes.
LatencyTable profile_cpu(const ModelConfig& config, const LayerGraph& graph, const ProfileOptions& options,
                         const JobControl& control);

} // namespace intarsia

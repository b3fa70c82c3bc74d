// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Latencies of one decode step's parts on this card, measured. No CUDA type shows here.
#pragma once

#include "core/base/progress.h"
#include "core/device/latency_table.h"
#include "core/model/layer_graph.h"

namespace intarsia::cuda {

struct ProfileOptions {
  int samples = 15;          // medians are of so many
  int launches = 20;         // a sample is the mean of so many launches, one behind the other as in a step
  std::size_t context = 512; // tokens in the cache when the rest of a step is measured
};

// Every shape and fused shape of the model, every quantizer of the palette and kernel; and the constant, the
// rest of a decode step. Device name and memory are the caller's to fill in.
LatencyTable profile(int device, const ModelConfig& config, const LayerGraph& graph,
                     const ProfileOptions& options, const JobControl& control);

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which linears go into one launch: those that read the same input, are coded alike, and that the plan fuses.
// Plain C++.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/layer_graph.h"
#include "cuda/launch/linear_layout.h"

namespace intarsia::cuda {

// Indices into LayerGraph::linears.
using LaunchGroup = std::vector<std::size_t>;
// The groups that read one input, in the order of the input's linears.
using LaunchBundle = std::vector<LaunchGroup>;

// Whether two linears can be one launch: same quantizer, same rotation, same kernel.
using CodedAlike = std::function<bool(std::size_t, std::size_t)>;

// A bundle for each run of linears with one input, all in order. `fusions` are the plan's; where it has none
// at all, whatever can be fused is.
std::vector<LaunchBundle> launch_bundles(const LayerGraph& graph,
                                         const std::vector<std::vector<std::string>>& fusions,
                                         const CodedAlike& alike);

// The kernel for a batch: the one the plan names where it is there, else tensor cores, which take fewer
// instructions a weight at every batch (cuda/kernels/linear.cuh).
KernelPath kernel_for(QuantizerId id, std::string_view planned, int batch);

} // namespace intarsia::cuda

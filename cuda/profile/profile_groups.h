// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What has to be measured so that every linear of a model, and every group that may be fused, has a latency.
#pragma once

#include <vector>

#include "core/model/layer_graph.h"

namespace intarsia::cuda {

struct ProfileGroup {
  std::size_t d_in;
  std::vector<std::size_t> d_outs; // of the members of a group

  std::size_t d_out() const; // what a latency table calls it
};

// Each (d_in, sum of d_out) once, in the order of the graph; single linears first.
std::vector<ProfileGroup> profile_groups(const LayerGraph& graph);

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/profile/profile_groups.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace intarsia::cuda {

std::size_t ProfileGroup::d_out() const {
  return std::accumulate(d_outs.begin(), d_outs.end(), std::size_t(0));
}

std::vector<ProfileGroup> profile_groups(const LayerGraph& graph) {
  auto groups = fusion_groups(graph);
  // A table has one entry for a shape: that of a single linear where there is one.
  std::stable_sort(groups.begin(), groups.end(), [](const FusionGroup& a, const FusionGroup& b) {
    return a.members.size() < b.members.size();
  });
  std::set<std::pair<std::size_t, std::size_t>> seen;
  std::vector<ProfileGroup> shapes;
  for (const FusionGroup& group : groups) {
    ProfileGroup shape{graph.linears[group.members[0]].d_in, {}};
    for (const std::size_t member : group.members) shape.d_outs.push_back(graph.linears[member].d_out);
    if (seen.insert({shape.d_in, shape.d_out()}).second) shapes.push_back(std::move(shape));
  }
  return shapes;
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/launch_groups.h"

#include <algorithm>
#include <map>

namespace intarsia::cuda {
namespace {

constexpr int max_cuda_core_rows = 2; // beyond, a plan's choice for one row no longer holds

// The fusion that each linear belongs to; -1: none.
std::vector<int> fusion_of_linear(const LayerGraph& graph,
                                  const std::vector<std::vector<std::string>>& fusions) {
  std::map<std::string, int> by_name;
  for (std::size_t i = 0; i < fusions.size(); ++i)
    for (const std::string& name : fusions[i]) by_name[name] = int(i);
  std::vector<int> result;
  for (const LinearLayer& linear : graph.linears) {
    const auto found = by_name.find(linear.name);
    result.push_back(found == by_name.end() ? -1 : found->second);
  }
  return result;
}

} // namespace

std::vector<LaunchBundle> launch_bundles(const LayerGraph& graph,
                                         const std::vector<std::vector<std::string>>& fusions,
                                         const CodedAlike& alike) {
  const std::vector<int> fusion = fusion_of_linear(graph, fusions);
  const auto together = [&](std::size_t a, std::size_t b) {
    const bool wanted = fusions.empty() || (fusion[a] >= 0 && fusion[a] == fusion[b]);
    return wanted && alike(a, b);
  };
  std::vector<LaunchBundle> bundles;
  for (std::size_t i = 0; i < graph.linears.size(); ++i) {
    const LinearLayer& linear = graph.linears[i];
    if (i == 0 || graph.linears[i - 1].input != linear.input) bundles.emplace_back();
    LaunchBundle& bundle = bundles.back();
    const auto group = std::find_if(bundle.begin(), bundle.end(), [&](const LaunchGroup& other) {
      return other.size() < std::size_t(max_fused) && together(other[0], i);
    });
    if (group == bundle.end())
      bundle.push_back({i});
    else
      group->push_back(i);
  }
  return bundles;
}

KernelPath kernel_for(QuantizerId id, std::string_view planned, int batch) {
  const bool small = batch <= max_cuda_core_rows && supports(id, KernelPath::cuda_core, batch);
  return small && planned == kernel_path_name(KernelPath::cuda_core) ? KernelPath::cuda_core
                                                                     : KernelPath::tensor_core;
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/cli/plan_table.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>

namespace intarsia::cli {
namespace {

constexpr std::size_t blocks_a_line = 16; // keeps lines within 105 columns
constexpr std::array roles{LinearRole::q,    LinearRole::k,  LinearRole::v,   LinearRole::o,
                           LinearRole::gate, LinearRole::up, LinearRole::down};

std::string cell(QuantizerId id) {
  if (id.family == QuantizerFamily::f16) return "f16";
  return fmt::format("{}{:g}", family_name(id.family).front(), id.bits());
}

} // namespace

std::string plan_table(const Plan& plan, const LayerGraph& graph) {
  std::map<std::pair<LinearRole, std::size_t>, std::string> cells;
  std::size_t blocks = 0;
  for (const LinearLayer& layer : graph.linears) {
    cells[{layer.role, layer.block}] = cell(plan.layers.at(layer.name).quantizer);
    blocks = std::max(blocks, layer.block + 1);
  }
  std::string text;
  for (std::size_t first = 0; first < blocks; first += blocks_a_line) {
    const std::size_t last = std::min(blocks, first + blocks_a_line);
    text += fmt::format("  {:<6}", "block");
    for (std::size_t block = first; block < last; ++block) text += fmt::format("{:>6}", block);
    for (const LinearRole role : roles) {
      text += fmt::format("\n  {:<6}", role_name(role));
      for (std::size_t block = first; block < last; ++block)
        text += fmt::format("{:>6}", cells[{role, block}]);
    }
    text += "\n";
  }
  for (const LinearLayer* layer : graph.vocabulary_layers())
    if (plan.layers.contains(layer->name))
      text += fmt::format("  {}: {}\n", layer->name, to_string(plan.quantizer_of(*layer)));
  return text;
}

} // namespace intarsia::cli

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The allocation as a grid of cells, blocks across and linears down: plain data that the heatmap, the table
// and the inspector show, and the tests read.
#pragma once

#include <QString>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/allocation/plan.h"
#include "core/model/layer_graph.h"
#include "core/palette/quantizer_id.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia::ui {

// The linears of one role in a block with a mixture of experts, which share a cell.
struct ExpertSpread {
  std::vector<std::string> layers;
  std::size_t planned = 0; // of these, how many have a quantizer
  std::optional<QuantizerId>
      most; // the quantizer with the most bits; the cell's own is the one with the fewest
  double mean_bits = 0;
};

struct AllocationCell {
  std::string layer; // Hugging Face name
  LinearRole role = LinearRole::q;
  std::size_t block = 0;
  std::size_t d_in = 0, d_out = 0;
  std::optional<QuantizerId> quantizer; // absent before the first plan
  std::string kernel;
  std::optional<double> sensitivity; // a_l; absent before it was estimated
  double distortion = 0;             // predicted, relative
  double loss = 0;                   // a_l * distortion, nats per token
  double loss_share = 0;             // of the whole plan's, 0 … 1
  std::uint64_t bytes = 0;           // codes and row scales
  std::optional<QuantizerId> pin;
  std::set<QuantizerId> forbidden;
  // Of experts: the cell's quantizer is the coarsest, its distortion the mean as it counts in the loss, the
  // rest are sums.
  std::optional<ExpertSpread> experts;
  int fusion = -1; // index of the fused group it belongs to; -1: runs alone
};

struct AllocationGrid {
  std::size_t blocks = 0;
  std::vector<LinearRole> roles;              // rows, top to bottom
  std::vector<AllocationCell> cells;          // roles.size() * blocks, row by row
  double lowest_bits = 1.5, highest_bits = 8; // of the palette in use

  bool empty() const { return cells.empty(); }
  const AllocationCell& at(std::size_t row, std::size_t block) const { return cells[row * blocks + block]; }
};

struct GridInputs {
  const LayerGraph& graph;
  const Plan* plan = nullptr;               // may be null
  const Sensitivity* sensitivity = nullptr; // may be null
  const std::map<std::string, QuantizerId>& pins;
  const std::map<std::string, std::set<QuantizerId>>& forbidden;
  std::set<QuantizerFamily> families = {}; // in use; empty: all
};
AllocationGrid build_allocation_grid(const GridInputs& inputs);

QString layer_text(const AllocationCell& cell);     // its name; of experts with a * for the number
QString quantizer_text(const AllocationCell& cell); // "tcq-3", "tcq-2 to tcq-4"; empty before the first plan

// What the colour of a cell stands for.
enum class CellQuantity { bits, sensitivity, distortion, loss_share, bytes };

// nullopt when the cell has no such value yet.
std::optional<double> cell_value(const AllocationCell& cell, CellQuantity quantity);
// With its unit, in the user's locale: "3.25 bits", "1.2 MiB", "0.8 %" (of the plan's loss).
QString cell_value_text(const AllocationCell& cell, CellQuantity quantity);
// What fits into a cell: "3.25".
QString cell_short_text(const AllocationCell& cell, CellQuantity quantity);
QString quantity_name(CellQuantity quantity);

// Ends of the colour scale. They depend on the model, not on the plan, so that dragging never re-scales the
// colours.
struct ColourRange {
  double low = 0, high = 1;
  bool logarithmic = false;
  double position(double value) const; // 0 … 1, clamped
};
ColourRange colour_range(const AllocationGrid& grid, CellQuantity quantity);

} // namespace intarsia::ui

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The columns of the integer program: what each fusion group may be quantized with, and what that costs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/allocation/allocation_problem.h"

namespace intarsia {

struct Choice {
  std::size_t group; // index into ChoiceTable::groups
  QuantizerId quantizer;
  std::string kernel;
  double loss;      // sum over members of a_l D_q, nats per token
  double bytes;     // of all members, as the device's memory model has them
  double code_bits; // nominal bits of all members' weights in the blocks
  double seconds;   // 0 without a latency table
};

struct ChoiceTable {
  // The blocks' linears, then embedding and head where there is a sensitivity to choose by: else they stay
  // f16. What `FusionGroup::members` counts.
  std::vector<LinearLayer> layers;
  std::vector<FusionGroup> groups;
  std::vector<Choice> choices; // dominated ones are left out
  double constant_seconds = 0;
  double weights = 0; // of the blocks' linears
};

// Throws Error naming a layer without sensitivity or without any candidate, an unknown pin, or a missing
// shape.
ChoiceTable build_choices(const AllocationProblem& problem);

// Distortion of a quantizer: the problem's own table first, then the palette. Bytes of a layer in it.
double distortion_of(const AllocationProblem& problem, QuantizerId id);
double linear_bytes_of(QuantizerId id, const LinearLayer& layer);
bool in_palette(QuantizerId id); // of this build

} // namespace intarsia

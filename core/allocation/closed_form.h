// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <vector>

#include "core/model/layer_graph.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// Theorem 3.1: bits of each linear for ideal quantizers (distortion 2^-2b) with average `bits_per_weight`,
// none below `floor_bits`; in the order of graph.linears.
std::vector<double> closed_form_bits(const LayerGraph& graph, const Sensitivity& sensitivity,
                                     double bits_per_weight, double floor_bits);
double closed_form_loss(const LayerGraph& graph, const Sensitivity& sensitivity,
                        const std::vector<double>& bits);

} // namespace intarsia

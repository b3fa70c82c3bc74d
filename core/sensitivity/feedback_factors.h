// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How much of a layer's loss rounding with feedback leaves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/output_gradients.h"

namespace intarsia {

// Tokens that the moments of the widest input need to be good for feedback_factors().
std::size_t feedback_tokens(const LayerGraph& graph);

// f_l of every linear of the blocks, in (0, 1]: its loss is a_l f_l D_l where it is rounded with feedback
// (HessianFactor::feedback_factor, blocks of 16 columns as trellis codes have), from the second moments of
// its input over the sequences, which are equally long, as for a calibration on the default number of tokens.
// 1 where these are not finite. `gradients`: over the same sequences. Reads one block's weights at a time.
// Progress is in blocks.
std::map<std::string, double> feedback_factors(const WeightSource& weights,
                                               const std::vector<std::vector<int>>& sequences,
                                               const OutputGradients& gradients,
                                               const DenseProducts& products, const JobControl& control);

} // namespace intarsia

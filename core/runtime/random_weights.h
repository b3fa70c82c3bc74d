// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Weights that cost nothing to make, to time a model whose own are not at hand.
#pragma once

#include <memory>

#include "core/runtime/weight_source.h"

namespace intarsia {

// A linear of random codes: as long to compute with as a real one.
QuantizedLinear random_linear(QuantizerId id, MatrixShape shape, std::uint64_t seed);

// A whole model: linears of the blocks in `id`, embedding and head in f16.
std::unique_ptr<WeightSource> random_weights(const ModelConfig& config, const LayerGraph& graph,
                                             QuantizerId id);

} // namespace intarsia

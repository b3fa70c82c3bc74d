// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Random weights, quick to make, to measure the speed of a model without having its own.
#pragma once

#include <memory>

#include "core/runtime/weight_source.h"

namespace intarsia {

// A linear layer of random codes without a rotation; its products take as long as with real codes.
QuantizedLinear random_linear(QuantizerId id, MatrixShape shape, std::uint64_t seed);

// A whole model with rotations: the blocks' linear layers in `id`, embedding and head in f16.
std::unique_ptr<WeightSource> random_weights(const ModelConfig& config, const LayerGraph& graph,
                                             QuantizerId id);

} // namespace intarsia

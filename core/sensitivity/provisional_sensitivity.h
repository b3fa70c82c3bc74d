// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sensitivities before any were measured: by a layer's role and its depth, as they are in models that were
// measured. Enough to make a first plan; which layers of a model are the exceptions only measuring tells.
#pragma once

#include "core/model/layer_graph.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

constexpr const char* provisional_method = "provisional";

// Of the blocks' linears, and of an embedding that is the head too. An embedding and a head apart have no
// value: no model was measured that has both, and a plan leaves them f16. The experts of a block have
// together what a plain MLP has; no mixture of experts was measured. `method` is "provisional", `samples` 0.
// Fitted by tests/golden/allocation/fit_provisional.py to the published values of Llama-3.1-8B and those
// measured of SmolLM2-135M; the rank correlation with each is 0.86 and 0.84, that of a fit to one of them
// with the other 0.58 and 0.55.
Sensitivity provisional_sensitivity(const ModelConfig& config, const LayerGraph& graph);

} // namespace intarsia

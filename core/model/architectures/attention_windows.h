// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sliding-window attention as config.json's of several families spell it.
#pragma once

#include "core/base/json.h"
#include "core/model/model_config.h"

namespace intarsia {

// The field "sliding_window"; 0 when absent, null, or so wide that the context never fills it.
std::size_t window_of(const JsonObject& config, const ModelConfig& model);

// Which blocks have a window: by "layer_types" (a list of "full_attention" and "sliding_attention"), or,
// where that is absent, those that `windowed` names. Sets model.attention.
void set_windows(const JsonObject& config, ModelConfig& model, std::size_t window,
                 bool (*windowed)(const JsonObject& config, std::size_t block));

} // namespace intarsia

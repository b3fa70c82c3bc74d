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

// The same where windowed blocks have a rotary embedding of their own (RopeUse::local), also where the
// context never fills the window.
void set_windows_with_own_rope(const JsonObject& config, ModelConfig& model,
                               bool (*windowed)(const JsonObject& config, std::size_t block));

// From GGUF metadata: "sliding_window_pattern", n (every n-th block sees everything) or a list of what is
// windowed, becomes "layer_types"; without a window ("sliding_window" 0 or absent) no block has one.
void read_gguf_windows(OrderedJson& config, std::uint64_t usual_pattern);

} // namespace intarsia

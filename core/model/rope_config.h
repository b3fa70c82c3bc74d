// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The rotary embedding's part of a config.json: rope_theta, rope_scaling, or transformers 5's
// rope_parameters.
#pragma once

#include "core/base/json.h"
#include "core/model/model_config.h"

namespace intarsia {

// Into model.rope_theta, rope_scaling and, for dynamic scaling, max_positions. Needs head_dim, rotary_dim and
// max_positions. Throws Error naming the field, or the kind of scaling when it is not known.
void read_rope(const JsonObject& config, ModelConfig& model);
// The fields that read_rope() reads back.
void write_rope(const ModelConfig& model, OrderedJson& json);

} // namespace intarsia

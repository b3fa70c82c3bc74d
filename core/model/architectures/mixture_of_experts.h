// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Fields that families with a mixture of experts share.
#pragma once

#include "core/base/json.h"
#include "core/model/model_config.h"

namespace intarsia {

// Into experts, experts_used and expert_intermediate. `intermediate`: the field of an expert's width.
void read_experts(const JsonObject& config, ModelConfig& model, const char* intermediate);

} // namespace intarsia

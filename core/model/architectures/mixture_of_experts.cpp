// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/architectures/mixture_of_experts.h"

#include "core/base/error.h"
#include "core/model/config_bounds.h"

namespace intarsia {

void read_experts(const JsonObject& config, ModelConfig& model, const char* intermediate) {
  constexpr std::uint64_t max_experts = 4096;
  const char* field = config.has("num_local_experts") ? "num_local_experts" : "num_experts";
  model.experts = config.count(field, 1, max_experts);
  model.experts_used = config.count("num_experts_per_tok", 1, model.experts);
  model.expert_intermediate = config.count(intermediate, 1, max_dimension);
}

} // namespace intarsia

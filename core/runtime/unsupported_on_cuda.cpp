// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/unsupported_on_cuda.h"

#include <algorithm>

#include "core/base/error.h"

namespace intarsia {

std::string unsupported_on_cuda(const ModelConfig& config) {
  const auto any_block = [&](auto has) { return std::ranges::any_of(config.attention, has); };
  if (config.experts > 0) return "a mixture of experts";
  if (config.qk_norm != QkNorm::none) return "norms of queries and keys";
  if (!config.norm_before || config.norm_after) return "norms behind attention and MLP";
  if (config.activation != Activation::silu) return "GELU";
  if (any_block([](const BlockAttention& block) { return block.window > 0; }))
    return "sliding-window attention";
  if (any_block([](const BlockAttention& block) { return block.rope != RopeUse::global; }))
    return "blocks with different rotary embeddings";
  if (config.attention_softcap > 0 || config.logit_softcap > 0) return "capped scores or logits";
  if (config.attention_scale > 0) return "a scale of its own of the attention scores";
  if (config.rotated() != config.head_dim) return "heads that are rotated in part";
  if (config.rope_scaling.magnitude != 1 || config.rope_scaling.kind == RopeScalingKind::dynamic ||
      config.rope_scaling.kind == RopeScalingKind::longrope)
    return "dynamic, YaRN or LongRoPE scaling";
  if (config.embedding_multiplier != 1 || config.residual_multiplier != 1 || config.logit_multiplier != 1)
    return "multipliers of embeddings, residuals or logits";
  return {};
}

void require_cuda_support(const ModelConfig& config) {
  if (const std::string missing = unsupported_on_cuda(config); !missing.empty())
    throw Error(ErrorKind::unsupported, "the CUDA backend cannot run " + config.architecture +
                                            " models yet, because of " + missing +
                                            "; choose the CPU (--device cpu)");
}

} // namespace intarsia

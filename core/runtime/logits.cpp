// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/logits.h"

#include "core/base/parallel.h"
#include "core/runtime/activation.h"

namespace intarsia {
namespace {

constexpr std::size_t grain = 1 << 14; // values worth a task

}

void scale_logits(const ModelConfig& config, std::span<float> outputs) {
  const float multiplier = float(config.logit_multiplier), cap = float(config.logit_softcap);
  if (multiplier == 1 && cap == 0) return;
  parallel_ranges(outputs.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      outputs[i] *= multiplier;
      if (cap > 0) outputs[i] = softcap(outputs[i], cap);
    }
  });
}

void scale_logits_backward(const ModelConfig& config, std::span<const float> logits,
                           std::span<float> gradient) {
  const float multiplier = float(config.logit_multiplier), cap = float(config.logit_softcap);
  if (multiplier == 1 && cap == 0) return;
  parallel_ranges(gradient.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      gradient[i] *= cap > 0 ? multiplier * softcap_slope(logits[i], cap) : multiplier;
  });
}

} // namespace intarsia

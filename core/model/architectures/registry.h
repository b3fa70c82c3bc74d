// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every model family, a line each. A family's file defines `const Architecture <name>`.
#pragma once

#include "core/model/architectures/architecture.h"

#define INTARSIA_ARCHITECTURES(FAMILY)                                                                       \
  FAMILY(llama)                                                                                              \
  FAMILY(mistral)                                                                                            \
  FAMILY(qwen2)                                                                                              \
  FAMILY(qwen3)                                                                                              \
  FAMILY(gemma2)                                                                                             \
  FAMILY(gemma3)                                                                                             \
  FAMILY(phi3)                                                                                               \
  FAMILY(smollm3)                                                                                            \
  FAMILY(olmo2)                                                                                              \
  FAMILY(olmo3)                                                                                              \
  FAMILY(granite)                                                                                            \
  FAMILY(mixtral)                                                                                            \
  FAMILY(qwen3_moe)

namespace intarsia::architectures {
#define INTARSIA_DECLARE(name) extern const Architecture name;
INTARSIA_ARCHITECTURES(INTARSIA_DECLARE)
#undef INTARSIA_DECLARE
} // namespace intarsia::architectures

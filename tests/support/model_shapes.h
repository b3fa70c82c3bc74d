// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Configurations of which only the shape matters: for memory, plans, launches.
#pragma once

#include "core/model/model_config.h"

namespace intarsia::test {

struct ModelShape {
  std::size_t hidden, intermediate, blocks, heads, kv_heads, head_dim, vocabulary;
  std::size_t max_positions = 0;
};

constexpr ModelShape llama_8b{4096, 14336, 32, 32, 8, 128, 128256, 131072};

inline ModelConfig config_of(const ModelShape& shape) {
  ModelConfig config;
  config.hidden = shape.hidden;
  config.intermediate = shape.intermediate;
  config.blocks = shape.blocks;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.vocabulary = shape.vocabulary;
  config.max_positions = shape.max_positions;
  return config;
}

} // namespace intarsia::test

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where a sequence's activations and cache lie in its arena. Rows are tokens.
#pragma once

#include "core/memory/cuda/memory_plan.h"
#include "cuda/launch/kernel_launches.h"
#include "cuda/memory/arena.h"

namespace intarsia::cuda {

struct Activations {
  Activations(const Arena& arena, const ModelConfig& model, std::size_t capacity_)
      : config(model)
      , capacity(capacity_)
      , tokens(arena.at<int>("tokens"))
      , positions(arena.at<int>("positions"))
      , row_numbers(arena.at<int>("row numbers"))
      , residual(arena.at<float>("residual"))
      , qkv(arena.at<float>("qkv"))
      , attended(arena.at<float>("attended"))
      , gate_up(arena.at<float>("gate and up"))
      , out(arena.at<float>("out"))
      , logits(arena.at<float>("logits"))
      , attention(arena.at<float>("attention"))
      , plain(arena.at<Half>("plain"))
      , rotated(arena.at<Half>("rotated"))
      , int8(arena.at<void>("int8"))
      , kv(arena.at<Half>("kv")) {}

  std::size_t qkv_stride() const { return config.attention_dim() + 2 * config.kv_dim(); }
  float* k() const { return qkv + config.attention_dim(); }
  float* v() const { return k() + config.kv_dim(); }
  std::size_t gate_stride() const { return 2 * config.intermediate; }
  float* up() const { return gate_up + config.intermediate; }
  DeviceCache cache(std::size_t block) const {
    const std::size_t size = capacity * config.kv_dim();
    return {kv + 2 * block * size, kv + (2 * block + 1) * size, int(capacity)};
  }

  const ModelConfig& config;
  std::size_t capacity;
  int *tokens, *positions, *row_numbers; // row_numbers: 0, 1, 2 …
  float *residual, *qkv, *attended, *gate_up, *out, *logits, *attention;
  Half *plain, *rotated;
  void* int8; // of max_decode_rows
  Half* kv;
};

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A small random model in Hugging Face layout, and a mixed plan for it.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/allocation/plan.h"
#include "core/model/layer_graph.h"

namespace intarsia::test {

struct TinyModel {
  std::size_t hidden = 24, intermediate = 40, blocks = 2, heads = 2, kv_heads = 1, vocabulary = 64;
  std::size_t max_positions = 64;
  bool tied = false;
  std::uint64_t seed = 1;
};

// config.json and model.safetensors (F32) into `folder`, which is made; no tokenizer.
void write_tiny_model(const std::filesystem::path& folder, const TinyModel& model = {});

// tokenizer.json: byte-level BPE of `vocabulary` tokens (256 at least) whose merges join random earlier
// tokens.
void write_tiny_tokenizer(const std::filesystem::path& folder, std::size_t vocabulary);

// nuq-3, vq-2.5, tcq-3.25, f16, half-tcq-2 in turn.
Plan mixed_plan(const LayerGraph& graph);

} // namespace intarsia::test

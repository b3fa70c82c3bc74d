// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Opens a checkpoint or an artifact with its tokenizer, ready to be loaded on a device.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/artifact/artifact.h"
#include "core/checkpoint/checkpoint.h"
#include "core/runtime/backend.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct OpenedModel {
  // One of the two is set.
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Artifact> artifact;
  std::unique_ptr<WeightSource> dense;  // reads `checkpoint`; null for an artifact or a bare config.json
  std::unique_ptr<Tokenizer> tokenizer; // null where the files have none
  std::optional<KvPrecision> kv_cache;  // set by the user; overrides the plan's

  const WeightSource& weights() const; // throws Error{input} for a bare config.json
  const ModelConfig& config() const;
  const LayerGraph& graph() const;
};

// Default context in tokens: that of the artifact's plan, else 4096, at most the model's maximum.
std::size_t default_context(const OpenedModel& model);

// Throws Error naming the file, and the field or tensor.
OpenedModel open_model(const std::filesystem::path& path);

// Number formats on the CPU: an artifact has dense weights in f16 and the KV cache of its plan; a checkpoint
// is run in f32; OpenedModel::kv_cache overrides.
CpuOptions cpu_options(const OpenedModel& model);

// Path of the model that is installed with Intarsia, resources/demo-model (core/base/resources.h).
std::filesystem::path built_in_model();

} // namespace intarsia

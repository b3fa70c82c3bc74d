// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Opens whatever MODEL names on the command line: a checkpoint or an artifact, ready to run.
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
  std::unique_ptr<Checkpoint> checkpoint; // one of the two is set
  std::unique_ptr<Artifact> artifact;
  std::unique_ptr<WeightSource> dense;  // over `checkpoint`
  std::unique_ptr<Tokenizer> tokenizer; // may be null
  std::optional<KvPrecision> kv_cache;  // chosen for running it, whatever its plan says

  const WeightSource& weights() const; // throws Error{input} for a bare config.json
  const ModelConfig& config() const;
  const LayerGraph& graph() const;
};

// Tokens of context to run a model with when nobody says otherwise: what its plan kept memory for, else 4096,
// never more than the model allows.
std::size_t default_context(const OpenedModel& model);

OpenedModel open_model(const std::filesystem::path& path);

// How the CPU holds it: an artifact's own halves stay halves, and its KV cache is the plan's; a checkpoint is
// run in f32.
CpuOptions cpu_options(const OpenedModel& model);

// The model that comes with Intarsia: resources/demo-model, found as every resource is
// (core/base/resources.h).
std::filesystem::path built_in_model();

} // namespace intarsia

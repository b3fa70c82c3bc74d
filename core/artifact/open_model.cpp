// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/open_model.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/free_memory.h"
#include "core/base/resources.h"

namespace intarsia {

namespace fs = std::filesystem;

const WeightSource& OpenedModel::weights() const {
  if (artifact) return *artifact;
  if (!dense)
    throw input_error(checkpoint->path().string() +
                      ": is a configuration without weights; name the model's folder or file");
  return *dense;
}

const ModelConfig& OpenedModel::config() const {
  return artifact ? artifact->config() : checkpoint->config();
}
const LayerGraph& OpenedModel::graph() const { return artifact ? artifact->graph() : checkpoint->graph(); }

std::size_t default_context(const OpenedModel& model) {
  constexpr std::size_t enough = 4096;
  const std::size_t planned = model.artifact ? model.artifact->plan().budgets.context : 0;
  return std::min(planned > 0 ? planned : enough, model.config().max_positions);
}

OpenedModel open_model(const fs::path& path) {
  OpenedModel model;
  std::optional<TokenizerSpec> spec;
  if (is_artifact(path)) {
    model.artifact = open_artifact(path);
    spec = model.artifact->tokenizer();
  } else {
    model.checkpoint = open_checkpoint(path);
    if (model.checkpoint->has_weights()) model.dense = dense_weights(*model.checkpoint);
    spec = model.checkpoint->tokenizer();
  }
  if (spec) model.tokenizer = make_tokenizer(std::move(*spec));
  give_back_free_memory(); // a tokenizer's JSON leaves tens of MiB of it
  return model;
}

CpuOptions cpu_options(const OpenedModel& model) {
  CpuOptions options{.half_precision_cache = false};
  if (model.artifact) {
    options = CpuOptions::of_artifact();
    options.quantized_cache = model.artifact->plan().budgets.kv_cache == KvPrecision::q8;
  }
  if (model.kv_cache) {
    options.half_precision_cache = true;
    options.quantized_cache = *model.kv_cache == KvPrecision::q8;
  }
  return options;
}

fs::path built_in_model() { return resource(fs::path("demo-model") / "config.json").parent_path(); }

} // namespace intarsia

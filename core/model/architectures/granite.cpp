// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Granite 3: Llama with four multipliers: of embeddings, of scores, of what blocks add, and of logits.
#include "core/base/error.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

double positive(const JsonObject& config, const char* field) {
  const double value = config.number_or(field, 1);
  if (!(value > 0)) throw input_error(config.origin() + ": field \"" + field + "\" must be larger than 0");
  return value;
}

void read(const JsonObject& config, ModelConfig& model) {
  model.embedding_multiplier = positive(config, "embedding_multiplier");
  model.attention_scale = positive(config, "attention_multiplier");
  model.residual_multiplier = positive(config, "residual_multiplier");
  model.logit_multiplier = 1 / positive(config, "logits_scaling");
  if (!config.boolean_or("rope_finetuned", true)) // llama.cpp's switch: no rotary embedding at all
    model.attention.assign(model.blocks, {0, RopeUse::none});
}

} // namespace

const Architecture granite{
    .model_types = {"granite"},
    .class_name = "GraniteForCausalLM",
    .gguf = "granite",
    .fields = {"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling",
               "rope_finetuned"},
    .read = read,
    .metadata = {{"embedding_scale", "embedding_multiplier"},
                 {"attention.scale", "attention_multiplier"},
                 {"residual_scale", "residual_multiplier"},
                 {"logit_scale", "logits_scaling"},
                 {"rope.scaling.finetuned", "rope_finetuned"}},
    .gguf_pairs_rows = true,
};

} // namespace intarsia::architectures

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// OLMo 2 (arXiv 2501.00656): norms behind attention and MLP instead of before them, and of all queries and
// all keys of a token together.
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

void read(const JsonObject&, ModelConfig& model) {
  model.norm_before = false;
  model.norm_after = true;
  model.qk_norm = QkNorm::all_heads;
}

} // namespace

const Architecture olmo2{
    .model_types = {"olmo2"},
    .class_name = "Olmo2ForCausalLM",
    .gguf = "olmo2",
    .defaults = R"({"rms_norm_eps": 1e-5})",
    .read = read,
    .tensors = {{"post_attention_norm", "post_attention_layernorm"},
                {"post_ffw_norm", "post_feedforward_layernorm"}},
};

} // namespace intarsia::architectures

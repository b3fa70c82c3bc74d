// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// OLMo 3: OLMo 2 in which three blocks of four have a sliding window, and a RoPE scaling holds for the others
// only. llama.cpp keeps it as an olmo2 that has a window.
#include "core/model/architectures/attention_windows.h"
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {
namespace {

bool three_of_four(const JsonObject&, std::size_t block) { return (block + 1) % 4 != 0; }

void read(const JsonObject& config, ModelConfig& model) {
  olmo2.read(config, model);
  if (!config.has("rope_parameters") || !config.object("rope_parameters").has("sliding_attention"))
    model.local_rope_theta = config.number_or("rope_local_base_freq", model.rope_theta);
  set_windows_with_own_rope(config, model, three_of_four);
}

void complete(OrderedJson& config) { read_gguf_windows(config, 4); }

} // namespace

const Architecture olmo3{
    .model_types = {"olmo3"},
    .class_name = "Olmo3ForCausalLM",
    .gguf = "olmo2",
    .gguf_windows = true,
    .defaults = R"({"rms_norm_eps": 1e-5, "sliding_window": 4096, "rope_theta": 500000.0})",
    .fields = {"sliding_window", "layer_types", "rope_local_base_freq"},
    .read = read,
    .metadata = {{"attention.sliding_window", "sliding_window"},
                 {"attention.sliding_window_pattern", "sliding_window_pattern"}},
    .complete = complete,
    .tensors = {{"post_attention_norm", "post_attention_layernorm"},
                {"post_ffw_norm", "post_feedforward_layernorm"}},
};

} // namespace intarsia::architectures

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Llama 1 to 3.3, and what is the same under another name: Falcon 3, Yi, the Llama distillations of
// DeepSeek-R1.
#include "core/model/architectures/registry.h"

namespace intarsia::architectures {

const Architecture llama{
    .model_types = {"llama"},
    .class_name = "LlamaForCausalLM",
    .gguf = "llama",
    .gguf_pairs_rows = true,
};

} // namespace intarsia::architectures

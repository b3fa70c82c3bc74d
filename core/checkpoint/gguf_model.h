// SPDX-License-Identifier: GPL-3.0-or-later
// What a GGUF's metadata says of model and tokenizer, in this program's terms.
#pragma once

#include <string>
#include <string_view>

#include "core/checkpoint/gguf.h"
#include "core/model/model_config.h"
#include "core/text/tokenizer.h"

namespace intarsia {

ModelConfig gguf_model_config(const Gguf& gguf);
// Throws Error{unsupported} for a tokenizer model other than "gpt2" and "llama".
TokenizerSpec gguf_tokenizer(const Gguf& gguf);
// "blk.3.ffn_down.weight" -> "model.layers.3.mlp.down_proj.weight"; empty for a tensor that is no weight of
// the model.
std::string hugging_face_name(std::string_view gguf_name);

} // namespace intarsia

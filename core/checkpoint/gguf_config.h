// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a GGUF says of the model, in this program's terms.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/checkpoint/gguf.h"
#include "core/model/architectures/architecture.h"
#include "core/model/model_config.h"

namespace intarsia {

// Throws Error{unsupported} with the list of known ones for an unknown general.architecture.
const Architecture& gguf_architecture(const Gguf& gguf);
// Whether llama.cpp takes 0, 1 and 2 for the unknown, begin and end token where the file names none that
// exists.
bool gguf_has_usual_ids(const Gguf& gguf);
// All bytes of each of the model's files.
using GgufFiles = std::vector<std::span<const std::byte>>;
// `files`: for the tensors that are no weights (factors of the rotary embedding's frequencies).
ModelConfig gguf_model_config(const Gguf& gguf, const GgufFiles& files);

} // namespace intarsia

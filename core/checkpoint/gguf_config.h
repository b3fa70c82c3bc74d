// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Reads a ModelConfig from the metadata of a GGUF.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/checkpoint/gguf.h"
#include "core/model/architectures/architecture.h"
#include "core/model/model_config.h"

namespace intarsia {

// The model family by general.architecture. Throws Error{unsupported} that lists the known ones for any
// other.
const Architecture& gguf_architecture(const Gguf& gguf);
// Whether llama.cpp assumes tokens 0, 1 and 2 to be the unknown, begin and end token where the metadata does
// not name them, as for SentencePiece vocabularies.
bool gguf_has_usual_ids(const Gguf& gguf);
// The content of each of the model's files, in the order of GgufTensor::file.
using GgufFiles = std::vector<std::span<const std::byte>>;
// `files`: to read tensors that belong to the configuration (divisors of the rotary embedding's frequencies).
// Throws Error{input|unsupported} naming the key.
ModelConfig gguf_model_config(const Gguf& gguf, const GgufFiles& files);

} // namespace intarsia

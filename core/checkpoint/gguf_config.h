// SPDX-License-Identifier: GPL-3.0-or-later
// What a GGUF says of the model, in this program's terms.
#pragma once

#include <cstddef>
#include <span>

#include "core/checkpoint/gguf.h"
#include "core/model/architectures/architecture.h"
#include "core/model/model_config.h"

namespace intarsia {

// Throws Error{unsupported} with the list of known ones for an unknown general.architecture.
const Architecture& gguf_architecture(const Gguf& gguf);
// `file`: all its bytes, for the tensors that are no weights (factors of the rotary embedding's frequencies).
ModelConfig gguf_model_config(const Gguf& gguf, std::span<const std::byte> file);

} // namespace intarsia

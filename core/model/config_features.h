// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Fields of a config.json that change what a model computes.
#pragma once

#include "core/base/json.h"
#include "core/model/architectures/architecture.h"

namespace intarsia {

// A config may hold any field that only concerns training or other programs. One that would change what the
// model computes, that this family does not read, and that is not at the value that switches it off, is
// Error{unsupported} with its name: the model would answer wrong without a word.
void refuse_unread_features(const JsonObject& config, const Architecture& architecture);

} // namespace intarsia

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>

#include "core/checkpoint/checkpoint.h"

namespace intarsia {

// Tells models apart without reading all of them: a checksum of the configuration and the tensors' names and
// sizes, and one of the first row of each, as a sample of what is in them. Letters, digits and a hyphen.
std::string content_identity(const Checkpoint& checkpoint);

} // namespace intarsia

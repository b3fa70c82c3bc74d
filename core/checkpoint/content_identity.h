// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>

#include "core/checkpoint/checkpoint.h"

namespace intarsia {

// A short identifier of a model's content, for the names of cached results: a CRC-32 of the configuration and
// of the tensors' names and sizes, and one of the first row of each tensor; two models that differ in later
// rows only have the same. "0f3a99c1-77e0b2d4".
std::string content_identity(const Checkpoint& checkpoint);

} // namespace intarsia

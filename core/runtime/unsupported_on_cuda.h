// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>

#include "core/model/model_config.h"

namespace intarsia {

// What of this model the CUDA backend cannot compute yet, as the end of a sentence ("…: a mixture of
// experts"); empty when it can run it. Asked before a worker is started, so that a job is refused before
// anything is loaded.
std::string unsupported_on_cuda(const ModelConfig& config);
// Throws Error{unsupported} that names the model and says what to do.
void require_cuda_support(const ModelConfig& config);

} // namespace intarsia

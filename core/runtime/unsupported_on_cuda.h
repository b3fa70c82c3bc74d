// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>

#include "core/model/model_config.h"

namespace intarsia {

// What in this model the CUDA backend cannot compute, as the end of a sentence ("a mixture of experts");
// empty when it can run the model. Checked before a worker is started, so that a job fails before anything is
// loaded.
std::string unsupported_on_cuda(const ModelConfig& config);
// Throws Error{unsupported} that names the model and says what to do, unless the above is empty.
void require_cuda_support(const ModelConfig& config);

} // namespace intarsia

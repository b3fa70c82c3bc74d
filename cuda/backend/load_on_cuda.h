// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The CUDA backend's face: no CUDA type shows here.
#pragma once

#include <memory>

#include "core/runtime/backend.h"

namespace intarsia::cuda {

// Loads onto GPU `index`, layer by layer. Throws Error{resource} when there is no such GPU or too little
// memory on it; nothing stays allocated then.
std::unique_ptr<LanguageModel> load_on_cuda(int index, const WeightSource& weights,
                                            const JobControl& control);

// After a fault on the device nothing works in this process any more: it has to end.
bool gpu_is_lost();

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later
// What the worker asks of cuda/. Without nvcc gpu_none.cpp answers, with it gpu_cuda.cpp.
#pragma once

#include <memory>

#include "core/base/json.h"
#include "core/runtime/backend.h"

namespace intarsia::worker {

// {"devices":[…],"driver_version":N,"problem":"a sentence, or empty"}
OrderedJson gpu_devices();

// Throws Error: no such GPU, no driver, not enough device memory.
std::unique_ptr<LanguageModel> load_on_gpu(int index, const WeightSource& weights, const JobControl& control);

} // namespace intarsia::worker

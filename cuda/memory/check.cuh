// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every CUDA call goes through check(): a failure becomes one sentence naming what was being done.
#pragma once

#include <cuda_runtime_api.h>

namespace intarsia::cuda {

// Throws Error: resource where memory or the device is not to be had, else internal.
[[noreturn]] void fail(cudaError_t status, const char* doing);

inline void check(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) fail(status, doing);
}

// After a fault on the device every later call of this process fails, whatever it is. True once one was seen.
bool context_is_lost();

} // namespace intarsia::cuda

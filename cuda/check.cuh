// SPDX-License-Identifier: GPL-3.0-or-later
// Every CUDA call goes through check(): a failure becomes one sentence naming what was being done.
#pragma once

#include <cuda_runtime.h>
#include <stdexcept>
#include <string>

namespace intarsia::cuda {

inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string("CUDA failed while ") + doing + ": " + cudaGetErrorString(status) +
                           " (" + cudaGetErrorName(status) + ")");
}

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later
// What launches of kernels share.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cuda/check.cuh"
#include "cuda/simt.cuh"

namespace intarsia::cuda {

// Launches, and asks for as much shared memory as the kernel needs.
template <typename... Parameters, typename... Arguments>
void start(const char* name, void (*kernel)(Parameters...), dim3 grid, int threads, std::size_t shared_bytes,
           cudaStream_t stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > simt::shared_memory_limit)
    throw std::runtime_error(std::string("the shape is too large for the kernel ") + name);
  if (shared_bytes > simt::shared_memory_default)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)), name);
  kernel<<<grid, unsigned(threads), shared_bytes, stream>>>(arguments...);
  check(cudaGetLastError(), name);
}

} // namespace intarsia::cuda

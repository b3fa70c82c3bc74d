// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What launches of kernels share.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cuda/memory/check.cuh"
#include "cuda/simt/simt.cuh"

namespace intarsia::cuda {

// Lets a kernel have `bytes` of dynamic shared memory. Always as much as every card has: what is asked for
// holds for the kernel, so that less, asked for by a later launch, would take it from a graph that was
// captured before.
template <typename... Parameters>
void allow_shared_memory(void (*kernel)(Parameters...), std::size_t bytes, const char* name) {
  if (bytes > simt::shared_memory_default)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               int(simt::shared_memory_limit)),
          name);
}

// Blocks with much shared memory: a multiprocessor gives it all that it has, so that shared memory is not
// what limits how many of them it holds. The others leave the split as they find it, as a change of it has to
// wait until the multiprocessor is empty.
constexpr std::size_t much_shared_memory = 8 * 1024;
template <typename... Parameters>
void prefer_shared_memory(void (*kernel)(Parameters...), std::size_t bytes, const char* name) {
  if (bytes >= much_shared_memory)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                               cudaSharedmemCarveoutMaxShared),
          name);
}

template <typename... Parameters, typename... Arguments>
void start(const char* name, void (*kernel)(Parameters...), dim3 grid, int threads, std::size_t shared_bytes,
           cudaStream_t stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > simt::shared_memory_limit)
    throw std::runtime_error(std::string("the shape is too large for the kernel ") + name);
  allow_shared_memory(kernel, shared_bytes, name);
  prefer_shared_memory(kernel, shared_bytes, name);
  kernel<<<grid, unsigned(threads), shared_bytes, stream>>>(arguments...);
  check(cudaGetLastError(), name);
}

} // namespace intarsia::cuda

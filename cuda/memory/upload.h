// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Copies between host and device, in a stream's order.
#pragma once

#include <span>

#include "cuda/memory/check.cuh"

namespace intarsia::cuda {

// From page-locked memory, or memory that lives until the stream was waited for.
template <typename T>
void copy_to_device(T* to, std::span<const T> from, cudaStream_t stream, const char* what) {
  check(cudaMemcpyAsync(to, from.data(), from.size_bytes(), cudaMemcpyHostToDevice, stream), what);
}

// Waits for it.
template <typename T>
void copy_to_host(std::span<T> to, const T* from, cudaStream_t stream, const char* what) {
  check(cudaMemcpyAsync(to.data(), from, to.size_bytes(), cudaMemcpyDeviceToHost, stream), what);
  check(cudaStreamSynchronize(stream), what);
}

} // namespace intarsia::cuda

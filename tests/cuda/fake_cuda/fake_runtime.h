// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The part of CUDA's runtime that the backend calls, on the host: memory is malloc's and poisoned, work is
// done at once or, while a stream is captured, kept for the graph. With the launches of fake_launches.cpp the
// backend's own code runs without a card: what it allocates, in which order it computes, and with what
// strides.
#pragma once

#include <cstddef>
#include <functional>

#include <cuda_runtime_api.h>

namespace intarsia::test::fake {

// Does the work now, or keeps it for the graph that is being captured.
void submit(std::function<void()> work);

struct State {
  std::size_t memory_total = std::size_t(1) << 40;
  std::size_t memory_used = 0, memory_peak = 0;
  std::size_t allocations = 0;     // so far
  std::size_t fail_allocation = 0; // the allocation of this number fails; 0: none
  cudaError_t fail_sync = cudaSuccess;
  std::size_t cublas_handle = 0, cublas_kernels = 0; // bytes: of each handle; of its code, once and for good
  std::size_t cublas_handles = 0;                    // so many there are,
  bool cublas_loaded = false;                        // or were
  // What is taken beside allocations.
  std::size_t beside() const { return cublas_handles * cublas_handle + (cublas_loaded ? cublas_kernels : 0); }
  std::size_t bytes_to_host = 0;
  std::size_t launches = 0, graph_launches = 0, groups = 0, gemms = 0;
  bool cublas_there = true;
  bool swiglu_is_wrong = false; // planted: its last element is another
};
State& state();

} // namespace intarsia::test::fake

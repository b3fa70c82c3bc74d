// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The definitions of cuda/launch/trellis_launch.h.
#pragma once

#include "cuda/launch/start.cuh"
#include "cuda/launch/trellis_launch.h"

namespace intarsia::cuda {

template <int quarters, int eights>
void start_trellis_group(const TrellisLaunch& launch, cudaStream_t stream) {
  start("multiplying trellis-coded linears", &kernels::trellis_group<quarters, eights>,
        dim3(launch.panels, unsigned(launch.group.slices)), launch.threads, launch.shared_bytes, stream,
        launch.group);
}

template <int quarters>
void start_trellis_group(const TrellisLaunch& launch, cudaStream_t stream) {
  switch (launch.eights) {
  case 1:
    return start_trellis_group<quarters, 1>(launch, stream);
  case 2:
    return start_trellis_group<quarters, 2>(launch, stream);
  default:
    return start_trellis_group<quarters, 4>(launch, stream);
  }
}

template <int quarters>
void start_trellis_rows(const kernels::TrellisMatrix& matrix, int first, int count, int multiprocessors,
                        Half* out, std::size_t stride, cudaStream_t stream) {
  constexpr int threads = 256;
  start("decoding a trellis-coded linear", &kernels::decode_trellis_rows<quarters>,
        dim3(trellis_rows_blocks(matrix, first, count, threads, 4 * multiprocessors)), threads,
        kernels::trellis_rows_shared_bytes(threads), stream, matrix, first, count, out, stride);
}

#define INTARSIA_TRELLIS_RATE(quarters)                                                                      \
  template void start_trellis_group<quarters>(const TrellisLaunch&, cudaStream_t);                           \
  template void start_trellis_rows<quarters>(const kernels::TrellisMatrix&, int, int, int, Half*,            \
                                             std::size_t, cudaStream_t)

} // namespace intarsia::cuda

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sums and maxima over a warp or a block, in a fixed order; every thread receives the result.
#pragma once

#include "cuda/simt/simt.cuh"

namespace intarsia::kernels {

inline constexpr int reduce_scratch = 32; // elements: one for each warp of the largest block

struct Sum {
  template <typename T>
  INTARSIA_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Largest {
  template <typename T>
  INTARSIA_DEVICE T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

template <typename T, typename Combine>
INTARSIA_DEVICE T warp_reduce(T value, Combine combine) {
  INTARSIA_UNROLL
  for (int mask = simt::warp_size / 2; mask > 0; mask /= 2)
    value = combine(value, simt::shuffle_xor(value, mask));
  return value;
}

// scratch: reduce_scratch elements of shared memory, free again afterwards.
template <typename T, typename Combine>
INTARSIA_DEVICE T block_reduce(T value, Combine combine, T* scratch) {
  value = warp_reduce(value, combine);
  if (simt::lane() == 0) scratch[simt::warp()] = value;
  simt::block_barrier();
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  T result = scratch[0];
  for (int i = 1; i < warps; ++i) result = combine(result, scratch[i]);
  simt::block_barrier();
  return result;
}

} // namespace intarsia::kernels

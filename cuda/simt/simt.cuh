// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The one header through which kernels reach the device's primitives. nvcc takes them from
// cuda/simt/device.cuh; every other compiler from the harness of the tests, which runs a block on the host
// (cuda/simt/host/), so that a kernel's own source is tested where there is no GPU.
//
// A kernel is an INTARSIA_KERNEL function or template in cuda/kernels/, blocks are one-dimensional and a
// multiple of warp_size threads, and every warp collective takes all 32 lanes.
//
// In namespace intarsia::simt:
//   thread_index().x, block_index().x .y .z, block_dim().x, grid_dim().x .y .z, lane(), warp()
//   block_barrier(), warp_barrier(), device_fence()
//   shuffle(v, lane), shuffle_xor(v, mask), shuffle_down(v, delta); any(p), all(p), ballot(p)
//   atomic_add(int*, unsigned*), atomic_max(unsigned*), atomic_exchange(int*), each returning what was there;
//   others are loops in shared memory (compare, swap, try again), so there are none
//   shared_memory<T>()        the block's one dynamic shared buffer, 16-byte aligned; kernels carve it up
//   Half2, make_half2, low, high, half2_add, half2_mul, half2_fma: rounded to binary16 once each;
//   pack, low_bits, high_bits of its two patterns
//   half_to_float, float_to_half
//   mma_m16n8k16(d, a, b)     d += A B: A 16 x 16 row-major, B 16 x 8 column-major in f16, sums in f32,
//                             fragments as in the PTX manual, "Matrix Fragments for mma.m16n8k16"
//   mma_m16n8k32(d, a, b)     d += A B: A 16 x 32 row-major in unsigned bytes, B 32 x 8 column-major in
//                             signed ones, sums in int32 (modulo 2^32)
//   ldmatrix_x4, ldmatrix_x2, ldmatrix_x2_trans(r, address of this lane's row of 16 bytes)
//   cp_async_16(shared, global), cp_async_16_or_zero(shared, global, valid), cp_async_commit(),
//   cp_async_wait<N>(): all but the N newest groups have landed, for the thread that asked
//   load_cached(p)            read-only for the whole launch; load_streaming(p): read once, do not keep
//   fused_multiply_add, fast_exp, fast_log, fast_rsqrt, fast_divide, sin_cos
//   byte_permute (PTX prmt), funnel_shift_right, popcount, float_bits, float_from_bits
//   opaque(u)                 u, kept in a register: the compiler cannot compute it again where it is used
//   uint2, uint4, float2, float4
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::simt {

inline constexpr int warp_size = 32;
// What one block may ask for on every architecture we build for: 8.6 and 8.9 offer least (CUDA Programming
// Guide, "Technical Specifications per Compute Capability").
inline constexpr std::size_t shared_memory_limit = 99 * 1024;
// More than this has to be asked for with cudaFuncSetAttribute.
inline constexpr std::size_t shared_memory_default = 48 * 1024;

// Two binary16 numbers, the lower one first in memory.
struct Half2 {
  std::uint32_t bits;
};

} // namespace intarsia::simt

#ifdef __CUDACC__
#define INTARSIA_KERNEL [[maybe_unused]] static __global__
#define INTARSIA_DEVICE __device__ __forceinline__
// Threads a block at most, and blocks that a multiprocessor is to hold at least.
#define INTARSIA_LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
#define INTARSIA_UNROLL _Pragma("unroll")
// So many rounds of a loop whose length is not known: their loads go out together.
#define INTARSIA_UNROLL_BY(count) INTARSIA_PRAGMA(unroll count)
#define INTARSIA_PRAGMA(words) _Pragma(#words)
// A constant table at namespace scope: INTARSIA_CONSTANT float table[2] = {0, 1};
#define INTARSIA_CONSTANT [[maybe_unused]] static __constant__ constexpr
#include "cuda/simt/device.cuh"
#else
#define INTARSIA_KERNEL inline
#define INTARSIA_DEVICE inline
#define INTARSIA_LAUNCH_BOUNDS(...)
#define INTARSIA_UNROLL
#define INTARSIA_UNROLL_BY(count)
#define INTARSIA_CONSTANT inline constexpr
#include "cuda/simt/host/host_simt.h"
#endif

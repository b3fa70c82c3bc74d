// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The device's side of cuda/simt/simt.cuh, sm_80 and later. Include that one.
#pragma once

namespace intarsia::simt {

using ::float2;
using ::float4;
using ::uint2;
using ::uint4;

inline constexpr unsigned whole_warp = 0xFFFFFFFFu;

INTARSIA_DEVICE uint3 thread_index() { return threadIdx; }
INTARSIA_DEVICE uint3 block_index() { return blockIdx; }
INTARSIA_DEVICE dim3 block_dim() { return blockDim; }
INTARSIA_DEVICE dim3 grid_dim() { return gridDim; }
INTARSIA_DEVICE int lane() { return int(threadIdx.x % unsigned(warp_size)); }
INTARSIA_DEVICE int warp() { return int(threadIdx.x / unsigned(warp_size)); }

INTARSIA_DEVICE void block_barrier() { __syncthreads(); }
INTARSIA_DEVICE void warp_barrier() { __syncwarp(); }
INTARSIA_DEVICE void device_fence() { __threadfence(); }

template <typename T>
INTARSIA_DEVICE T shuffle(T value, int source) {
  return __shfl_sync(whole_warp, value, source);
}
template <typename T>
INTARSIA_DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(whole_warp, value, mask);
}
template <typename T>
INTARSIA_DEVICE T shuffle_down(T value, int delta) {
  return __shfl_down_sync(whole_warp, value, unsigned(delta));
}
INTARSIA_DEVICE Half2 shuffle(Half2 value, int source) { return {shuffle(value.bits, source)}; }
INTARSIA_DEVICE Half2 shuffle_xor(Half2 value, int mask) { return {shuffle_xor(value.bits, mask)}; }
INTARSIA_DEVICE Half2 shuffle_down(Half2 value, int delta) { return {shuffle_down(value.bits, delta)}; }

INTARSIA_DEVICE bool any(bool vote) { return __any_sync(whole_warp, vote) != 0; }
INTARSIA_DEVICE bool all(bool vote) { return __all_sync(whole_warp, vote) != 0; }
INTARSIA_DEVICE unsigned ballot(bool vote) { return __ballot_sync(whole_warp, vote); }

INTARSIA_DEVICE int atomic_add(int* to, int value) { return atomicAdd(to, value); }
INTARSIA_DEVICE unsigned atomic_add(unsigned* to, unsigned value) { return atomicAdd(to, value); }
INTARSIA_DEVICE unsigned atomic_max(unsigned* to, unsigned value) { return atomicMax(to, value); }
INTARSIA_DEVICE int atomic_exchange(int* to, int value) { return atomicExch(to, value); }

extern __shared__ uint4 shared_buffer[];
template <typename T>
INTARSIA_DEVICE T* shared_memory() {
  return reinterpret_cast<T*>(shared_buffer);
}
INTARSIA_DEVICE unsigned shared_address(const void* shared) {
  return unsigned(__cvta_generic_to_shared(shared));
}

// --- binary16

INTARSIA_DEVICE Half2 pack(std::uint16_t lower, std::uint16_t upper) {
  return {std::uint32_t(lower) | std::uint32_t(upper) << 16};
}
INTARSIA_DEVICE std::uint16_t low_bits(Half2 pair) { return std::uint16_t(pair.bits); }
INTARSIA_DEVICE std::uint16_t high_bits(Half2 pair) { return std::uint16_t(pair.bits >> 16); }

INTARSIA_DEVICE float half_to_float(std::uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
INTARSIA_DEVICE std::uint16_t float_to_half(float value) {
  std::uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
INTARSIA_DEVICE Half2 make_half2(float lower, float upper) {
  Half2 pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair.bits) : "f"(upper), "f"(lower));
  return pair;
}
INTARSIA_DEVICE float low(Half2 pair) { return half_to_float(low_bits(pair)); }
INTARSIA_DEVICE float high(Half2 pair) { return half_to_float(high_bits(pair)); }
// ".rn" also keeps the compiler from contracting a product and a sum.
INTARSIA_DEVICE Half2 half2_add(Half2 a, Half2 b) {
  Half2 sum;
  asm("add.rn.f16x2 %0, %1, %2;" : "=r"(sum.bits) : "r"(a.bits), "r"(b.bits));
  return sum;
}
INTARSIA_DEVICE Half2 half2_mul(Half2 a, Half2 b) {
  Half2 product;
  asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(product.bits) : "r"(a.bits), "r"(b.bits));
  return product;
}
INTARSIA_DEVICE Half2 half2_fma(Half2 a, Half2 b, Half2 c) {
  Half2 sum;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(sum.bits) : "r"(a.bits), "r"(b.bits), "r"(c.bits));
  return sum;
}

// --- tensor cores

INTARSIA_DEVICE void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
INTARSIA_DEVICE void mma_m16n8k32(int (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};"
               : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
INTARSIA_DEVICE void ldmatrix_x4(std::uint32_t (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}
INTARSIA_DEVICE void ldmatrix_x2(std::uint32_t (&r)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(shared_row))
               : "memory");
}
INTARSIA_DEVICE void ldmatrix_x2_trans(std::uint32_t (&r)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(shared_row))
               : "memory");
}

// --- copies and loads

INTARSIA_DEVICE void cp_async_16_or_zero(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 16 : 0)
               : "memory");
}
INTARSIA_DEVICE void cp_async_16(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global)
               : "memory");
}
INTARSIA_DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int newest_left>
INTARSIA_DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(newest_left) : "memory");
}

template <typename T>
INTARSIA_DEVICE T load_cached(const T* from) {
  return __ldg(from);
}
INTARSIA_DEVICE uint4 load_streaming(const uint4* from) {
  uint4 v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
      : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
      : "l"(from));
  return v;
}
INTARSIA_DEVICE uint2 load_streaming(const uint2* from) {
  uint2 v;
  asm("ld.global.nc.L1::no_allocate.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(from));
  return v;
}
INTARSIA_DEVICE std::uint32_t load_streaming(const std::uint32_t* from) {
  std::uint32_t v;
  asm("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(from));
  return v;
}

// --- arithmetic

INTARSIA_DEVICE float fused_multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
INTARSIA_DEVICE float fast_exp(float x) { return __expf(x); }
INTARSIA_DEVICE float fast_log(float x) { return __logf(x); }
INTARSIA_DEVICE float fast_rsqrt(float x) { return rsqrtf(x); }
INTARSIA_DEVICE float fast_divide(float a, float b) { return __fdividef(a, b); }
INTARSIA_DEVICE void sin_cos(float angle, float* sine, float* cosine) { sincosf(angle, sine, cosine); }

INTARSIA_DEVICE unsigned byte_permute(unsigned a, unsigned b, unsigned selector) {
  unsigned bytes;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(a), "r"(b), "r"(selector));
  return bytes;
}
INTARSIA_DEVICE unsigned funnel_shift_right(unsigned lower, unsigned upper, unsigned shift) {
  return __funnelshift_r(lower, upper, shift);
}
INTARSIA_DEVICE unsigned opaque(unsigned value) {
  asm volatile("" : "+r"(value));
  return value;
}
INTARSIA_DEVICE int popcount(unsigned bits) { return __popc(bits); }
INTARSIA_DEVICE std::uint32_t float_bits(float value) { return __float_as_uint(value); }
INTARSIA_DEVICE float float_from_bits(std::uint32_t bits) { return __uint_as_float(bits); }

} // namespace intarsia::simt

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The host's side of cuda/simt/simt.cuh: every primitive as a request to the machine that executes the block.
// Collectives carry the line they are called from; the lanes of a warp must meet at the same one.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "core/base/half.h"
#include "cuda/simt/host/half_arithmetic.h"
#include "cuda/simt/host/machine.h"

namespace intarsia::simt {

using Here = std::source_location;

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

inline host::Index thread_index() { return {host::indices().thread, 0, 0}; }
inline host::Index block_index() { return host::indices().block; }
inline host::Grid block_dim() { return {host::indices().threads, 1, 1}; }
inline host::Grid grid_dim() { return host::indices().grid; }
inline int lane() { return int(host::indices().thread % unsigned(warp_size)); }
inline int warp() { return int(host::indices().thread / unsigned(warp_size)); }

inline void block_barrier(Here at = Here::current()) {
  host::arrive({.what = "block_barrier", .at = at, .whole_block = true});
}
inline void warp_barrier(Here at = Here::current()) { host::arrive({.what = "warp_barrier", .at = at}); }
inline void device_fence() {}

// --- shuffles and votes

namespace host {

// Hands the operands of all lanes to `operation`, once for the warp.
template <typename Operands, void (*operation)(Operands* const*)>
void collective(const char* what, Operands& mine, const Here& at) {
  arrive({.what = what, .at = at, .operands = &mine, .operation = [](void* const* lanes) {
            Operands* typed[warp_size];
            for (int i = 0; i < warp_size; ++i) typed[i] = static_cast<Operands*>(lanes[i]);
            operation(typed);
          }});
}

template <typename T>
struct Shuffle {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  T value;
  int source; // a lane that does not exist: one's own value
  T result;
  static void exchange(Shuffle* const* lanes) {
    for (int i = 0; i < warp_size; ++i) {
      const int source = lanes[i]->source;
      lanes[i]->result = lanes[source >= 0 && source < warp_size ? source : i]->value;
    }
  }
};

template <typename T>
T exchange(const char* what, T value, int source, const Here& at) {
  Shuffle<T> mine{value, source, value};
  collective<Shuffle<T>, &Shuffle<T>::exchange>(what, mine, at);
  return mine.result;
}

struct Vote {
  bool mine;
  unsigned ballot;
  static void count(Vote* const* lanes) {
    unsigned ballot = 0;
    for (int i = 0; i < warp_size; ++i) ballot |= unsigned(lanes[i]->mine) << i;
    for (int i = 0; i < warp_size; ++i) lanes[i]->ballot = ballot;
  }
};

inline unsigned vote(const char* what, bool mine, const Here& at) {
  Vote vote{mine, 0};
  collective<Vote, &Vote::count>(what, vote, at);
  return vote.ballot;
}

} // namespace host

template <typename T>
T shuffle(T value, int source, Here at = Here::current()) {
  return host::exchange("shuffle", value, source & (warp_size - 1), at);
}
template <typename T>
T shuffle_xor(T value, int mask, Here at = Here::current()) {
  return host::exchange("shuffle_xor", value, lane() ^ mask, at);
}
template <typename T>
T shuffle_down(T value, int delta, Here at = Here::current()) {
  return host::exchange("shuffle_down", value, lane() + delta, at);
}
inline bool any(bool mine, Here at = Here::current()) { return host::vote("any", mine, at) != 0; }
inline bool all(bool mine, Here at = Here::current()) { return host::vote("all", mine, at) == 0xFFFFFFFFu; }
inline unsigned ballot(bool mine, Here at = Here::current()) { return host::vote("ballot", mine, at); }

// --- memory

inline unsigned atomic_add(unsigned* to, unsigned value) {
  const unsigned before = *to;
  *to = before + value;
  return before;
}
inline int atomic_add(int* to, int value) { // wraps, as the hardware's does
  const int before = *to;
  *to = int(unsigned(before) + unsigned(value));
  return before;
}
inline int atomic_exchange(int* to, int value) {
  const int before = *to;
  *to = value;
  return before;
}
inline unsigned atomic_max(unsigned* to, unsigned value) {
  const unsigned before = *to;
  if (value > before) *to = value;
  return before;
}

template <typename T>
T* shared_memory() {
  return static_cast<T*>(static_cast<void*>(host::shared_memory_bytes().data()));
}

namespace host {

template <typename T>
T load(const T* from, const Here& at) {
  if (reinterpret_cast<std::uintptr_t>(from) % sizeof(T) != 0)
    fail("loads from an address not aligned to what it loads", at);
  return *from;
}

} // namespace host

template <typename T>
T load_cached(const T* from, Here at = Here::current()) {
  return host::load(from, at);
}
template <typename T>
requires(std::is_same_v<T, uint4> || std::is_same_v<T, uint2> || std::is_same_v<T, std::uint32_t>) T
    load_streaming(const T* from, Here at = Here::current()) {
  return host::load(from, at);
}

inline void cp_async_16_or_zero(void* shared, const void* global, bool valid, Here at = Here::current()) {
  host::copy_async(shared, global, valid, at);
}
inline void cp_async_16(void* shared, const void* global, Here at = Here::current()) {
  host::copy_async(shared, global, true, at);
}
inline void cp_async_commit() { host::commit_copies(); }
template <int newest_left>
void cp_async_wait() {
  host::wait_copies(std::size_t(newest_left));
}

// --- binary16

using intarsia::float_to_half;
using intarsia::half_to_float;

inline Half2 pack(std::uint16_t lower, std::uint16_t upper) {
  return {std::uint32_t(lower) | std::uint32_t(upper) << 16};
}
inline std::uint16_t low_bits(Half2 pair) { return std::uint16_t(pair.bits); }
inline std::uint16_t high_bits(Half2 pair) { return std::uint16_t(pair.bits >> 16); }

inline Half2 make_half2(float lower, float upper) { return pack(float_to_half(lower), float_to_half(upper)); }
inline float low(Half2 pair) { return half_to_float(low_bits(pair)); }
inline float high(Half2 pair) { return half_to_float(high_bits(pair)); }
inline Half2 half2_add(Half2 a, Half2 b) {
  return pack(host::half_add(low_bits(a), low_bits(b)), host::half_add(high_bits(a), high_bits(b)));
}
inline Half2 half2_mul(Half2 a, Half2 b) {
  return pack(host::half_multiply(low_bits(a), low_bits(b)), host::half_multiply(high_bits(a), high_bits(b)));
}
inline Half2 half2_fma(Half2 a, Half2 b, Half2 c) {
  return pack(host::half_multiply_add(low_bits(a), low_bits(b), low_bits(c)),
              host::half_multiply_add(high_bits(a), high_bits(b), high_bits(c)));
}

// --- tensor cores

namespace host {

// PTX manual, mma.m16n8k16 with .f16: lane 4 g + t holds of A rows g and g + 8, columns 2 t, 2 t + 1 and
// those + 8; of B rows 2 t, 2 t + 1 and those + 8, column g; of D rows g and g + 8, columns 2 t, 2 t + 1.
struct Mma {
  float* d;
  const std::uint32_t *a, *b;
  static void multiply(Mma* const* lanes);
};

// PTX manual, mma.m16n8k32 with .u8 and .s8: lane 4 g + t holds of A rows g and g + 8, columns 4 t … 4 t + 3
// and those + 16; of B rows 4 t … 4 t + 3 and those + 16, column g; D as above.
struct ByteMma {
  int* d;
  const std::uint32_t *a, *b;
  static void multiply(ByteMma* const* lanes);
};

// Lanes 8 m … 8 m + 7 give the rows of matrix m; lane 4 g + t receives of row g the elements 2 t, 2 t + 1,
// transposed: of column g.
template <int matrices, bool transposed>
struct Ldmatrix {
  const void* row;
  std::uint32_t* r;
  static void load(Ldmatrix* const* lanes) {
    for (int m = 0; m < matrices; ++m) {
      std::uint16_t matrix[8][8];
      for (int i = 0; i < 8; ++i) std::memcpy(matrix[i], lanes[8 * m + i]->row, 16);
      for (int i = 0; i < warp_size; ++i) {
        const int g = i / 4, t = i % 4;
        lanes[i]->r[m] = transposed ? pack(matrix[2 * t][g], matrix[2 * t + 1][g]).bits
                                    : pack(matrix[g][2 * t], matrix[g][2 * t + 1]).bits;
      }
    }
  }
};

template <int matrices, bool transposed>
void ldmatrix(std::uint32_t* r, const void* row, const Here& at) {
  const std::span<std::byte> shared = shared_memory_bytes();
  const auto address = reinterpret_cast<std::uintptr_t>(row);
  const auto begin = reinterpret_cast<std::uintptr_t>(shared.data());
  const bool asked = lane() < 8 * matrices; // the other lanes' addresses are not looked at
  if (asked && (address % 16 != 0 || address < begin || address + 16 > begin + shared.size()))
    fail("gives ldmatrix a row that is not 16 aligned bytes of shared memory", at);
  Ldmatrix<matrices, transposed> mine{row, r};
  collective<Ldmatrix<matrices, transposed>, &Ldmatrix<matrices, transposed>::load>("ldmatrix", mine, at);
}

} // namespace host

inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                         Here at = Here::current()) {
  host::Mma mine{d, a, b};
  host::collective<host::Mma, &host::Mma::multiply>("mma_m16n8k16", mine, at);
}
inline void mma_m16n8k32(int (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                         Here at = Here::current()) {
  host::ByteMma mine{d, a, b};
  host::collective<host::ByteMma, &host::ByteMma::multiply>("mma_m16n8k32", mine, at);
}
inline void ldmatrix_x4(std::uint32_t (&r)[4], const void* shared_row, Here at = Here::current()) {
  host::ldmatrix<4, false>(r, shared_row, at);
}
inline void ldmatrix_x2(std::uint32_t (&r)[2], const void* shared_row, Here at = Here::current()) {
  host::ldmatrix<2, false>(r, shared_row, at);
}
inline void ldmatrix_x2_trans(std::uint32_t (&r)[2], const void* shared_row, Here at = Here::current()) {
  host::ldmatrix<2, true>(r, shared_row, at);
}

// --- arithmetic

inline float fused_multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
inline float fast_exp(float x) { return std::exp(x); }
inline float fast_log(float x) { return std::log(x); }
inline float fast_rsqrt(float x) { return 1 / std::sqrt(x); }
inline float fast_divide(float a, float b) { return a / b; }
inline void sin_cos(float angle, float* sine, float* cosine) {
  *sine = std::sin(angle);
  *cosine = std::cos(angle);
}

inline unsigned byte_permute(unsigned a, unsigned b, unsigned selector) {
  const std::uint64_t bytes = a | std::uint64_t(b) << 32;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned choice = selector >> (4 * i) & 15u;
    unsigned byte = unsigned(bytes >> (8 * (choice & 7u))) & 0xFFu;
    if (choice & 8u) byte = byte & 0x80u ? 0xFFu : 0u; // the sign, repeated
    result |= byte << (8 * i);
  }
  return result;
}
inline unsigned funnel_shift_right(unsigned lower, unsigned upper, unsigned shift) {
  return unsigned((lower | std::uint64_t(upper) << 32) >> (shift & 31u));
}
inline unsigned opaque(unsigned value) { return value; }
inline int popcount(unsigned bits) { return std::popcount(bits); }
inline std::uint32_t float_bits(float value) { return std::bit_cast<std::uint32_t>(value); }
inline float float_from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

} // namespace intarsia::simt

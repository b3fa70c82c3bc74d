// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/panel_product.h"

#include "core/runtime/cpu_kernels/cpu_features.h"

#if INTARSIA_HAVE_VNNI_CODE
#include <cstring>
#include <immintrin.h>
#endif

namespace intarsia::cpu_kernels {

void pair_activations(const std::int8_t* x, std::size_t columns, std::int16_t* to) {
  for (std::size_t eight = 0; eight < columns; eight += 8)
    for (std::size_t c = 0; c < 4; ++c) {
      to[eight + 2 * c] = x[eight + c];
      to[eight + 2 * c + 1] = x[eight + c + 4];
    }
}

} // namespace intarsia::cpu_kernels

#if INTARSIA_HAVE_VNNI_CODE
// GCC 12 takes its own _mm512_undefined_epi32() for a use of an uninitialised variable.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

namespace intarsia::cpu_kernels::vnni {
namespace {

// T activations against 64 rows: 4 T sums stay in registers, each weight vector serves T of them.
template <unsigned T>
void multiply_tile(const std::int16_t* panel, std::size_t pairs, const std::int16_t* x, std::size_t stride,
                   std::int32_t (*sums)[64]) {
  __m512i acc[T][4];
#pragma GCC unroll 6
  for (unsigned t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (unsigned v = 0; v < 4; ++v) acc[t][v] = _mm512_loadu_si512(sums[t] + 16 * v);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    __m512i rows[4];
#pragma GCC unroll 4
    for (unsigned v = 0; v < 4; ++v) rows[v] = _mm512_loadu_si512(panel + pair * panel_pair_weights + 32 * v);
#pragma GCC unroll 6
    for (unsigned t = 0; t < T; ++t) {
      int two;
      std::memcpy(&two, x + t * stride + 2 * pair, sizeof(two));
      const __m512i both = _mm512_set1_epi32(two);
#pragma GCC unroll 4
      for (unsigned v = 0; v < 4; ++v) acc[t][v] = _mm512_dpwssd_epi32(acc[t][v], rows[v], both);
    }
  }
#pragma GCC unroll 6
  for (unsigned t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (unsigned v = 0; v < 4; ++v) _mm512_storeu_si512(sums[t] + 16 * v, acc[t][v]);
}

} // namespace

void panel_product(const std::int16_t* panel, std::size_t pairs, const std::int16_t* x, std::size_t stride,
                   std::size_t count, std::int32_t (*sums)[64]) {
  std::size_t t = 0;
  for (; t + 6 <= count; t += 6) multiply_tile<6>(panel, pairs, x + t * stride, stride, sums + t);
  for (; t + 2 <= count; t += 2) multiply_tile<2>(panel, pairs, x + t * stride, stride, sums + t);
  if (t < count) multiply_tile<1>(panel, pairs, x + t * stride, stride, sums + t);
}

} // namespace intarsia::cpu_kernels::vnni
#pragma GCC pop_options
#endif

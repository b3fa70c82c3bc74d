// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rotary position embedding (core/runtime/rope.h) of queries and keys, and the store of keys and values into
// the cache, [position][kv_heads x head_dim] in binary16.
#pragma once

#include "cuda/kernels/element.cuh"

namespace intarsia::kernels {

struct HeadShape {
  int heads, kv_heads, head_dim; // head_dim is even
};

// Dimension i turns with i + head_dim / 2.
INTARSIA_DEVICE void turn(float a, float b, float angle, float* turned_a, float* turned_b) {
  float sine, cosine;
  simt::sin_cos(angle, &sine, &cosine);
  *turned_a = a * cosine - b * sine;
  *turned_b = b * cosine + a * sine;
}

// grid.y: tokens; any grid.x, whose threads stride over the token's pairs of dimensions. q, k and v have rows
// `stride` apart; q is turned in place, k and v only go into the cache, at positions[token] < capacity.
INTARSIA_KERNEL void rope_and_store(float* q, const float* k, const float* v, std::size_t stride,
                                    const float* frequencies, const int* positions, HeadShape shape,
                                    int capacity, Half* keys, Half* values) {
  const int half = shape.head_dim / 2, q_pairs = shape.heads * half, kv_pairs = shape.kv_heads * half;
  const int position = positions[simt::block_index().y];
  if (position < 0 || position >= capacity) return;
  const std::size_t row = simt::block_index().y * stride;
  const std::size_t place = std::size_t(position) * std::size_t(2 * kv_pairs);
  const int step = int(simt::grid_dim().x * simt::block_dim().x);
  for (int i = int(simt::block_index().x * simt::block_dim().x + simt::thread_index().x);
       i < q_pairs + kv_pairs; i += step) {
    const bool is_query = i < q_pairs;
    const int pair = is_query ? i : i - q_pairs;
    const int a = pair / half * shape.head_dim + pair % half, b = a + half;
    const float angle = float(position) * frequencies[pair % half];
    float turned_a, turned_b;
    if (is_query) {
      turn(q[row + a], q[row + b], angle, &turned_a, &turned_b);
      q[row + a] = turned_a;
      q[row + b] = turned_b;
    } else {
      turn(k[row + a], k[row + b], angle, &turned_a, &turned_b);
      store(keys + place + a, turned_a);
      store(keys + place + b, turned_b);
      store(values + place + a, v[row + a]);
      store(values + place + b, v[row + b]);
    }
  }
}

} // namespace intarsia::kernels

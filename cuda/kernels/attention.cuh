// SPDX-License-Identifier: GPL-3.0-or-later
// Attention of few tokens over a long cache, split over the context so that one token fills the device
// ("flash-decoding", Dao et al. 2023): attend_chunk gives each chunk's softmax maximum, sum and weighted
// values, combine_chunks puts them together. The query heads that share a key head go through its cache
// together. Token t sees the positions 0 … positions[t] of one sequence.
#pragma once

#include "cuda/kernels/reduce.cuh"
#include "cuda/kernels/rope.cuh"

namespace intarsia::kernels {

struct AttentionShape {
  HeadShape head;
  int chunk;  // positions a block looks at
  int chunks; // in a full cache; those beyond the position do nothing
};

inline constexpr int heads_at_once = 4; // accumulators a thread keeps; a larger group reads its cache again
inline constexpr int lanes_per_key = 8; // they read a key side by side: 128 bytes, or 32 where it is narrow
inline constexpr int pairs_of_wide = 4; // of a load of 16 bytes, where head_dim is a multiple of 8

// Neighbouring dimensions, read at once.
template <int count>
struct alignas(4 * count) Pairs {
  simt::Half2 pair[count];
};

constexpr std::size_t attention_shared_bytes(const AttentionShape& shape, int threads) {
  const std::size_t group = std::size_t(shape.head.heads / shape.head.kv_heads);
  return sizeof(float) * (group * std::size_t(shape.head.head_dim + shape.chunk) +
                          2 * pairs_of_wide * std::size_t(threads) * heads_at_once);
}

// scores[head][t] = q[head] . key t for the heads from `first` on. All lanes of a warp take part. keys: the
// first position's part for this head, rows `stride` pairs apart.
template <int width>
INTARSIA_DEVICE void score_keys(const float* q, const simt::Half2* keys, std::size_t stride, int head_dim,
                                int first, int group, int count, int chunk, float* scores) {
  const int part = int(simt::thread_index().x) % lanes_per_key;
  const int keys_at_once = int(simt::block_dim().x) / lanes_per_key;
  for (int base = 0; base < count; base += keys_at_once) {
    const int t = base + int(simt::thread_index().x) / lanes_per_key;
    float sums[heads_at_once] = {};
    for (int pair = width * part; pair < head_dim / 2 && t < count; pair += width * lanes_per_key) {
      const auto key =
          *reinterpret_cast<const Pairs<width>*>(keys + std::size_t(t) * stride + std::size_t(pair));
      INTARSIA_UNROLL
      for (int h = 0; h < heads_at_once; ++h)
        if (first + h < group) {
          const float* query = q + (first + h) * head_dim + 2 * pair;
          INTARSIA_UNROLL
          for (int i = 0; i < width; ++i)
            sums[h] += query[2 * i] * simt::low(key.pair[i]) + query[2 * i + 1] * simt::high(key.pair[i]);
        }
    }
    INTARSIA_UNROLL
    for (int h = 0; h < heads_at_once; ++h) {
      for (int mask = lanes_per_key / 2; mask > 0; mask /= 2) sums[h] += simt::shuffle_xor(sums[h], mask);
      if (part == 0 && t < count && first + h < group) scores[(first + h) * chunk + t] = sums[h];
    }
  }
}

// scores <- exp(scale (score - largest)), a warp a head; {largest, sum} to `statistics`.
INTARSIA_DEVICE void soften_scores(float* scores, int group, int count, int chunk, float scale,
                                   simt::float2* statistics, std::size_t statistics_stride) {
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  for (int head = simt::warp(); head < group; head += warps) {
    float* row = scores + head * chunk;
    float largest = row[0];
    for (int t = simt::lane(); t < count; t += simt::warp_size) largest = Largest()(largest, row[t]);
    largest = warp_reduce(largest, Largest());
    float sum = 0;
    for (int t = simt::lane(); t < count; t += simt::warp_size)
      sum += row[t] = simt::fast_exp(scale * (row[t] - largest));
    sum = warp_reduce(sum, Sum());
    if (simt::lane() == 0) statistics[std::size_t(head) * statistics_stride] = {scale * largest, sum};
  }
}

// out[head][d] = sum_t scores[head][t] value[t][d] for the heads from `first` on. Threads side by side take
// the dimensions; the rest of the block takes every other position, and the parts meet in `parts`.
template <int width>
INTARSIA_DEVICE void sum_values(const float* scores, const simt::Half2* values, std::size_t stride,
                                int head_dim, int first, int group, int count, int chunk, float* parts,
                                float* out, std::size_t out_stride) {
  const int columns = head_dim / 2 / width, slices = int(simt::block_dim().x) / columns;
  const int pair = int(simt::thread_index().x) % columns * width,
            slice = int(simt::thread_index().x) / columns;
  float sums[heads_at_once][2 * width] = {};
  for (int t = slice; t < count && slice < slices; t += slices) {
    const auto value =
        *reinterpret_cast<const Pairs<width>*>(values + std::size_t(t) * stride + std::size_t(pair));
    INTARSIA_UNROLL
    for (int h = 0; h < heads_at_once; ++h)
      if (first + h < group) {
        const float weight = scores[(first + h) * chunk + t];
        INTARSIA_UNROLL
        for (int i = 0; i < width; ++i) {
          sums[h][2 * i] += weight * simt::low(value.pair[i]);
          sums[h][2 * i + 1] += weight * simt::high(value.pair[i]);
        }
      }
  }
  INTARSIA_UNROLL
  for (int h = 0; h < heads_at_once; ++h)
    if (slice < slices) {
      INTARSIA_UNROLL
      for (int i = 0; i < 2 * width; ++i)
        parts[(slice * heads_at_once + h) * head_dim + 2 * pair + i] = sums[h][i];
    }
  simt::block_barrier();
  const int heads = group - first < heads_at_once ? group - first : heads_at_once;
  for (int i = int(simt::thread_index().x); i < heads * head_dim; i += int(simt::block_dim().x)) {
    float sum = 0;
    for (int s = 0; s < slices; ++s) sum += parts[s * heads_at_once * head_dim + i];
    out[std::size_t(first + i / head_dim) * out_stride + std::size_t(i % head_dim)] = sum;
  }
  simt::block_barrier();
}

// One token's heads that share a key head, over one chunk; q is in shared memory.
template <int width>
INTARSIA_DEVICE void attend(const float* q, const simt::Half2* keys, const simt::Half2* values,
                            std::size_t stride, int count, const AttentionShape& shape, float scale,
                            float* scores, float* parts, float* partial, simt::float2* statistics) {
  const int dim = shape.head.head_dim, group = shape.head.heads / shape.head.kv_heads;
  for (int first = 0; first < group; first += heads_at_once)
    score_keys<width>(q, keys, stride, dim, first, group, count, shape.chunk, scores);
  simt::block_barrier();
  soften_scores(scores, group, count, shape.chunk, scale, statistics, std::size_t(shape.chunks));
  simt::block_barrier();
  for (int first = 0; first < group; first += heads_at_once)
    sum_values<width>(scores, values, stride, dim, first, group, count, shape.chunk, parts, partial,
                      std::size_t(shape.chunks) * std::size_t(dim));
}

// grid: kv_heads, chunks, tokens; at least head_dim / 2 threads; attention_shared_bytes(). q: rows `stride`
// apart; keys and values 16-byte aligned. partial: [token][head][chunk][head_dim], statistics:
// [token][head][chunk]; those of chunks behind the position are not written.
INTARSIA_KERNEL void attend_chunk(const float* q, std::size_t stride, const Half* keys, const Half* values,
                                  const int* positions, AttentionShape shape, float scale, float* partial,
                                  simt::float2* statistics) {
  const int dim = shape.head.head_dim, group = shape.head.heads / shape.head.kv_heads;
  const int kv_head = int(simt::block_index().x), chunk = int(simt::block_index().y);
  const std::size_t token = simt::block_index().z;
  const int begin = chunk * shape.chunk, visible = positions[token] + 1 - begin;
  if (visible <= 0) return;
  const int count = visible < shape.chunk ? visible : shape.chunk;

  float* queries = simt::shared_memory<float>();
  float* scores = queries + group * dim;
  float* parts = scores + group * shape.chunk;
  q += token * stride + std::size_t(kv_head) * std::size_t(group * dim);
  for (int i = int(simt::thread_index().x); i < group * dim; i += int(simt::block_dim().x)) queries[i] = q[i];
  simt::block_barrier();

  const std::size_t pairs = std::size_t(shape.head.kv_heads) * std::size_t(dim / 2); // of a position
  const std::size_t place = std::size_t(begin) * pairs + std::size_t(kv_head) * std::size_t(dim / 2);
  const auto* key = reinterpret_cast<const simt::Half2*>(keys) + place;
  const auto* value = reinterpret_cast<const simt::Half2*>(values) + place;
  const std::size_t head = token * std::size_t(shape.head.heads) + std::size_t(kv_head * group);
  const std::size_t out = head * std::size_t(shape.chunks) + std::size_t(chunk);
  partial += out * std::size_t(dim);
  statistics += out;
  if (dim % (2 * pairs_of_wide) == 0)
    attend<pairs_of_wide>(queries, key, value, pairs, count, shape, scale, scores, parts, partial,
                          statistics);
  else
    attend<1>(queries, key, value, pairs, count, shape, scale, scores, parts, partial, statistics);
}

// grid: heads, tokens. out: [token][head][head_dim].
template <typename Out>
INTARSIA_KERNEL void combine_chunks(const float* partial, const simt::float2* statistics,
                                    const int* positions, AttentionShape shape, Out* out) {
  const std::size_t token = simt::block_index().y;
  const std::size_t head = token * std::size_t(shape.head.heads) + simt::block_index().x;
  const int dim = shape.head.head_dim, chunks = positions[token] / shape.chunk + 1;
  const simt::float2* statistic = statistics + head * std::size_t(shape.chunks);
  float largest = statistic[0].x, sum = 0;
  for (int c = 1; c < chunks; ++c) largest = Largest()(largest, statistic[c].x);
  for (int c = 0; c < chunks; ++c) sum += statistic[c].y * simt::fast_exp(statistic[c].x - largest);
  partial += head * std::size_t(shape.chunks) * std::size_t(dim);
  for (int d = int(simt::thread_index().x); d < dim; d += int(simt::block_dim().x)) {
    float value = 0;
    for (int c = 0; c < chunks; ++c)
      value += partial[std::size_t(c) * std::size_t(dim) + std::size_t(d)] *
               simt::fast_exp(statistic[c].x - largest);
    store(out + head * std::size_t(dim) + std::size_t(d), value / sum);
  }
}

} // namespace intarsia::kernels

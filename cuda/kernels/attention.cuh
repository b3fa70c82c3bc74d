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
inline constexpr int lanes_per_key = 8; // 32 bytes of a key at a time, a sector of DRAM

constexpr std::size_t attention_shared_bytes(const AttentionShape& shape, int threads) {
  const std::size_t group = std::size_t(shape.head.heads / shape.head.kv_heads);
  return sizeof(float) *
         (group * std::size_t(shape.head.head_dim + shape.chunk) + 2 * std::size_t(threads) * heads_at_once);
}

// scores[head][t] = q[head] . key t for the heads from `first` on. All lanes of a warp take part.
INTARSIA_DEVICE void score_keys(const float* q, const simt::Half2* keys, std::size_t key_stride, int head_dim,
                                int first, int group, int count, int chunk, float* scores) {
  const int part = int(simt::thread_index().x) % lanes_per_key;
  const int keys_at_once = int(simt::block_dim().x) / lanes_per_key;
  for (int base = 0; base < count; base += keys_at_once) {
    const int t = base + int(simt::thread_index().x) / lanes_per_key;
    float sums[heads_at_once] = {};
    for (int pair = part; pair < head_dim / 2 && t < count; pair += lanes_per_key) {
      const simt::Half2 key = keys[std::size_t(t) * key_stride + std::size_t(pair)];
      INTARSIA_UNROLL
      for (int h = 0; h < heads_at_once; ++h)
        if (first + h < group) {
          const float* query = q + (first + h) * head_dim + 2 * pair;
          sums[h] += query[0] * simt::low(key) + query[1] * simt::high(key);
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
// pairs of dimensions; the rest of the block takes every other position, and the parts meet in `parts`.
INTARSIA_DEVICE void sum_values(const float* scores, const simt::Half2* values, std::size_t value_stride,
                                int head_dim, int first, int group, int count, int chunk, float* parts,
                                float* out, std::size_t out_stride) {
  const int pairs = head_dim / 2, slices = int(simt::block_dim().x) / pairs;
  const int pair = int(simt::thread_index().x) % pairs, slice = int(simt::thread_index().x) / pairs;
  float sums[heads_at_once][2] = {};
  for (int t = slice; t < count && slice < slices; t += slices) {
    const simt::Half2 value = values[std::size_t(t) * value_stride + std::size_t(pair)];
    const float lower = simt::low(value), upper = simt::high(value);
    INTARSIA_UNROLL
    for (int h = 0; h < heads_at_once; ++h)
      if (first + h < group) {
        const float weight = scores[(first + h) * chunk + t];
        sums[h][0] += weight * lower;
        sums[h][1] += weight * upper;
      }
  }
  for (int h = 0; h < heads_at_once && slice < slices; ++h) {
    parts[(slice * heads_at_once + h) * head_dim + 2 * pair] = sums[h][0];
    parts[(slice * heads_at_once + h) * head_dim + 2 * pair + 1] = sums[h][1];
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

// grid: kv_heads, chunks, tokens; at least head_dim / 2 threads; attention_shared_bytes(). q: rows `stride`
// apart. partial: [token][head][chunk][head_dim], statistics: [token][head][chunk]; those of chunks behind
// the position are not written.
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
  const float* first_query = q + token * stride + std::size_t(kv_head) * std::size_t(group * dim);
  for (int i = int(simt::thread_index().x); i < group * dim; i += int(simt::block_dim().x))
    queries[i] = first_query[i];
  simt::block_barrier();

  const std::size_t pair_stride = std::size_t(shape.head.kv_heads) * std::size_t(dim / 2);
  const std::size_t place = std::size_t(begin) * pair_stride + std::size_t(kv_head) * std::size_t(dim / 2);
  const simt::Half2* key_pairs = reinterpret_cast<const simt::Half2*>(keys) + place;
  const simt::Half2* value_pairs = reinterpret_cast<const simt::Half2*>(values) + place;
  const std::size_t head_and_chunk =
      (token * std::size_t(shape.head.heads) + std::size_t(kv_head * group)) * std::size_t(shape.chunks) +
      std::size_t(chunk);

  for (int first = 0; first < group; first += heads_at_once)
    score_keys(queries, key_pairs, pair_stride, dim, first, group, count, shape.chunk, scores);
  simt::block_barrier();
  soften_scores(scores, group, count, shape.chunk, scale, statistics + head_and_chunk,
                std::size_t(shape.chunks));
  simt::block_barrier();
  for (int first = 0; first < group; first += heads_at_once)
    sum_values(scores, value_pairs, pair_stride, dim, first, group, count, shape.chunk, parts,
               partial + head_and_chunk * std::size_t(dim), std::size_t(shape.chunks) * std::size_t(dim));
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

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
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
inline constexpr int keys_a_lane = 4, values_a_thread = 8; // whose loads go out together
inline constexpr int lanes_per_key = 8; // they read a key side by side: 128 bytes, or 32 where it is narrow
inline constexpr int pairs_of_wide = 4; // of a load of 16 bytes, where head_dim is a multiple of 8

// Neighbouring dimensions, read at once.
template <int count>
struct alignas(4 * count) Pairs {
  simt::Half2 pair[count];
};
template <int count>
struct alignas(count < 4 ? 4 * count : 16) Floats {
  float x[count];
};

constexpr std::size_t attention_shared_bytes(const AttentionShape& shape, int threads) {
  const std::size_t group = std::size_t(shape.head.heads / shape.head.kv_heads);
  return sizeof(float) * (group * std::size_t(shape.head.head_dim + shape.chunk) +
                          2 * pairs_of_wide * std::size_t(threads) * heads_at_once);
}

// Query head `first` + h of a group, or its last one: what behind a group's end is computed is not stored.
INTARSIA_DEVICE int bounded_head(int first, int h, int group) {
  return first + h < group ? first + h : group - 1;
}

// scores[head][t] = q[head] . key t for `heads` heads from `first` on. All lanes of a warp take part. keys:
// the first position's part for this head, rows `stride` pairs apart. A lane has several keys at a time, so
// that their loads go out together and each part of a query is read once for all.
template <int width, int heads>
INTARSIA_DEVICE void score_keys(const float* q, const simt::Half2* keys, std::size_t stride, int head_dim,
                                int first, int group, int count, int chunk, float* scores) {
  const int part = int(simt::thread_index().x) % lanes_per_key;
  const int mine = int(simt::thread_index().x) / lanes_per_key;
  const int side_by_side = int(simt::block_dim().x) / lanes_per_key;
  for (int base = 0; base < count; base += keys_a_lane * side_by_side) {
    float sums[keys_a_lane][heads] = {};
    INTARSIA_UNROLL_BY(2)
    for (int pair = width * part; pair < head_dim / 2; pair += width * lanes_per_key) {
      Pairs<width> key[keys_a_lane];
      INTARSIA_UNROLL
      for (int k = 0; k < keys_a_lane; ++k) {
        const int t = base + mine + k * side_by_side, there = t < count ? t : count - 1;
        key[k] =
            *reinterpret_cast<const Pairs<width>*>(keys + std::size_t(there) * stride + std::size_t(pair));
      }
      INTARSIA_UNROLL
      for (int h = 0; h < heads; ++h) {
        const auto query = *reinterpret_cast<const Floats<2 * width>*>(
            q + bounded_head(first, h, group) * head_dim + 2 * pair);
        INTARSIA_UNROLL
        for (int k = 0; k < keys_a_lane; ++k) {
          INTARSIA_UNROLL
          for (int i = 0; i < width; ++i) {
            sums[k][h] = simt::fused_multiply_add(query.x[2 * i], simt::low(key[k].pair[i]), sums[k][h]);
            sums[k][h] = simt::fused_multiply_add(query.x[2 * i + 1], simt::high(key[k].pair[i]), sums[k][h]);
          }
        }
      }
    }
    INTARSIA_UNROLL
    for (int k = 0; k < keys_a_lane; ++k) {
      INTARSIA_UNROLL
      for (int h = 0; h < heads; ++h) {
        float& sum = sums[k][h];
        INTARSIA_UNROLL
        for (int mask = lanes_per_key / 2; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
        const int t = base + mine + k * side_by_side;
        if (part == 0 && t < count && first + h < group) scores[(first + h) * chunk + t] = sum;
      }
    }
  }
}

// scores <- exp(scale (score - largest)), a warp a head; {largest, sum} to `statistics`.
INTARSIA_DEVICE void soften_scores(float* scores, int group, int count, int chunk, float scale,
                                   simt::float2* statistics, std::size_t statistics_stride) {
  const int warps = int(simt::block_dim().x) / simt::warp_size;
  for (int head = simt::warp(); head < group; head += warps) {
    float* row = scores + head * chunk;
    float largest = simt::float_from_bits(0xFF800000u); // -infinity: no lane reads what another writes
    for (int t = simt::lane(); t < count; t += simt::warp_size) largest = Largest()(largest, row[t]);
    largest = warp_reduce(largest, Largest());
    float sum = 0;
    for (int t = simt::lane(); t < count; t += simt::warp_size)
      sum += row[t] = simt::fast_exp(scale * (row[t] - largest));
    sum = warp_reduce(sum, Sum());
    if (simt::lane() == 0) statistics[std::size_t(head) * statistics_stride] = {scale * largest, sum};
  }
}

// out[head][d] = sum_t scores[head][t] value[t][d] for `heads` heads from `first` on. Threads side by side
// take the dimensions; the rest of the block takes every other position, and the parts meet in `parts`.
template <int width, int heads>
INTARSIA_DEVICE void sum_values(const float* scores, const simt::Half2* values, std::size_t stride,
                                int head_dim, int first, int group, int count, int chunk, float* parts,
                                float* out, std::size_t out_stride) {
  const int columns = head_dim / 2 / width, slices = int(simt::block_dim().x) / columns;
  const int pair = int(simt::thread_index().x) % columns * width,
            slice = int(simt::thread_index().x) / columns;
  float sums[heads][2 * width] = {};
  for (int base = slice < slices ? slice : count; base < count; base += values_a_thread * slices) {
    Pairs<width> value[values_a_thread];
    int there[values_a_thread];
    INTARSIA_UNROLL
    for (int k = 0; k < values_a_thread; ++k) {
      there[k] = base + k * slices < count ? base + k * slices : count - 1;
      value[k] =
          *reinterpret_cast<const Pairs<width>*>(values + std::size_t(there[k]) * stride + std::size_t(pair));
    }
    INTARSIA_UNROLL
    for (int k = 0; k < values_a_thread; ++k) {
      INTARSIA_UNROLL
      for (int h = 0; h < heads; ++h) {
        const float score = scores[bounded_head(first, h, group) * chunk + there[k]];
        const float weight = base + k * slices < count ? score : 0;
        INTARSIA_UNROLL
        for (int i = 0; i < width; ++i) {
          float(&sum)[2 * width] = sums[h];
          sum[2 * i] = simt::fused_multiply_add(weight, simt::low(value[k].pair[i]), sum[2 * i]);
          sum[2 * i + 1] = simt::fused_multiply_add(weight, simt::high(value[k].pair[i]), sum[2 * i + 1]);
        }
      }
    }
  }
  INTARSIA_UNROLL
  for (int h = 0; h < heads; ++h)
    if (slice < slices) {
      INTARSIA_UNROLL
      for (int i = 0; i < 2 * width; ++i) parts[(slice * heads + h) * head_dim + 2 * pair + i] = sums[h][i];
    }
  simt::block_barrier();
  const int there = group - first < heads ? group - first : heads;
  for (int i = int(simt::thread_index().x); i < there * head_dim; i += int(simt::block_dim().x)) {
    float sum = 0;
    for (int s = 0; s < slices; ++s) sum += parts[s * heads * head_dim + i];
    out[std::size_t(first + i / head_dim) * out_stride + std::size_t(i % head_dim)] = sum;
  }
  simt::block_barrier();
}

// One token's heads that share a key head, over one chunk; q is in shared memory.
template <int width, int heads>
INTARSIA_DEVICE void attend(const float* q, const simt::Half2* keys, const simt::Half2* values,
                            std::size_t stride, int count, const AttentionShape& shape, float scale,
                            float* scores, float* parts, float* partial, simt::float2* statistics) {
  const int dim = shape.head.head_dim, group = shape.head.heads / shape.head.kv_heads;
  for (int first = 0; first < group; first += heads)
    score_keys<width, heads>(q, keys, stride, dim, first, group, count, shape.chunk, scores);
  simt::block_barrier();
  soften_scores(scores, group, count, shape.chunk, scale, statistics, std::size_t(shape.chunks));
  simt::block_barrier();
  for (int first = 0; first < group; first += heads)
    sum_values<width, heads>(scores, values, stride, dim, first, group, count, shape.chunk, parts, partial,
                             std::size_t(shape.chunks) * std::size_t(dim));
}

// Threads side by side that a position's values take.
constexpr int attention_columns(int head_dim) {
  return head_dim % (2 * pairs_of_wide) == 0 ? head_dim / 2 / pairs_of_wide : head_dim / 2;
}
inline constexpr int max_attention_threads = 256;

// grid: kv_heads, chunks, tokens; at least attention_columns() threads; attention_shared_bytes(). q: rows
// `stride` apart; keys and values 16-byte aligned. partial: [token][head][chunk][head_dim], statistics:
// [token][head][chunk]; those of chunks behind the position are not written.
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(max_attention_threads, 2)
    attend_chunk(const float* q, std::size_t stride, const Half* keys, const Half* values,
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
  const auto attend_heads = [&]<int width, int heads>() {
    attend<width, heads>(queries, key, value, pairs, count, shape, scale, scores, parts, partial, statistics);
  };
  if (dim % (2 * pairs_of_wide) != 0)
    attend_heads.template operator()<1, heads_at_once>();
  else if (group == 1)
    attend_heads.template operator()<pairs_of_wide, 1>();
  else
    attend_heads.template operator()<pairs_of_wide, heads_at_once>();
}

// --- putting chunks together

inline constexpr int combine_at_once = 256; // chunks whose shares lie in shared memory

constexpr std::size_t combine_shared_bytes(int threads) {
  return sizeof(float) * std::size_t(reduce_scratch + combine_at_once + threads);
}

// grid: heads, tokens; at least head_dim threads, of which as many as there are head_dims take every other
// chunk, so that a long context's chunks are not waited for one by one. out: [token][head][head_dim].
template <typename Out>
INTARSIA_KERNEL void combine_chunks(const float* partial, const simt::float2* statistics,
                                    const int* positions, AttentionShape shape, Out* out) {
  const std::size_t token = simt::block_index().y;
  const std::size_t head = token * std::size_t(shape.head.heads) + simt::block_index().x;
  const int dim = shape.head.head_dim, chunks = positions[token] / shape.chunk + 1;
  const int thread = int(simt::thread_index().x), threads = int(simt::block_dim().x);
  float* scratch = simt::shared_memory<float>();
  float* shares = scratch + reduce_scratch;
  float* parts = shares + combine_at_once;
  statistics += head * std::size_t(shape.chunks);
  partial += head * std::size_t(shape.chunks) * std::size_t(dim);

  float largest = statistics[0].x, sum = 0, value = 0;
  for (int c = thread; c < chunks; c += threads) largest = Largest()(largest, statistics[c].x);
  largest = block_reduce(largest, Largest(), scratch);
  const int slices = threads / dim, slice = thread / dim, d = thread % dim;
  for (int first = 0; first < chunks; first += combine_at_once) {
    const int count = chunks - first < combine_at_once ? chunks - first : combine_at_once;
    for (int c = thread; c < count; c += threads) {
      const simt::float2 statistic = statistics[first + c];
      shares[c] = simt::fast_exp(statistic.x - largest);
      sum += statistic.y * shares[c];
    }
    simt::block_barrier();
    const float* from = partial + std::size_t(first) * std::size_t(dim) + std::size_t(d);
    INTARSIA_UNROLL_BY(8)
    for (int c = slice < slices ? slice : count; c < count; c += slices)
      value += shares[c] * from[std::size_t(c) * std::size_t(dim)];
    simt::block_barrier();
  }
  parts[thread] = value;
  sum = block_reduce(sum, Sum(), scratch); // and its barriers
  if (thread >= dim) return;
  for (int s = 1; s < slices; ++s) value += parts[s * dim + thread];
  store(out + head * std::size_t(dim) + std::size_t(thread), value / sum);
}

} // namespace intarsia::kernels

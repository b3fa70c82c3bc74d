// SPDX-License-Identifier: GPL-3.0-or-later
// The next token of each row of logits, a block a row: the most likely one, or one drawn at a temperature
// from the top_k likeliest, and of these from the likeliest whose probabilities reach top_p, as
// core/runtime/sampler.h draws it.
//
// Nothing is sorted. A token's weight e^((logit - largest) / temperature) is counted in whole numbers, so
// that sums do not depend on their order; the logit at which the likeliest tokens' weights pass a bound is
// found by its bits, eight at a time, from histograms of weight.
#pragma once

#include "cuda/kernels/reduce.cuh"

namespace intarsia::kernels {

using Weight = unsigned long long;

inline constexpr int sampling_bins = 256;
inline constexpr float weight_of_one = 0x1p40f; // 2^23 tokens fit into 64 bits
inline constexpr int token_of_damage = -1;      // written where a logit is not finite

constexpr std::size_t sampling_shared_bytes(int threads) {
  return sizeof(Weight) * std::size_t(sampling_bins + 4) +
         sizeof(int) * std::size_t(threads + reduce_scratch);
}

// Patterns in the order of the numbers; -0 counts as 0.
INTARSIA_DEVICE std::uint32_t ordered(float logit) {
  const std::uint32_t bits = simt::float_bits(logit + 0.f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
INTARSIA_DEVICE float number_of(std::uint32_t key) {
  return simt::float_from_bits(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

struct Best {
  std::uint32_t key; // 0: none yet
  int token;
};

// The largest logit's first token; token_of_damage when one is not finite. The same for all threads.
INTARSIA_DEVICE Best find_best(const float* logits, int count, unsigned* scratch) {
  unsigned key = 0;
  bool damaged = false;
  for (int i = int(simt::thread_index().x); i < count; i += int(simt::block_dim().x)) {
    damaged = damaged || (simt::float_bits(logits[i]) & 0x7F800000u) == 0x7F800000u;
    key = Largest()(key, unsigned(ordered(logits[i])));
  }
  if (block_reduce(damaged ? 1u : 0u, Largest(), scratch)) return {0, token_of_damage};
  key = block_reduce(key, Largest(), scratch);
  unsigned first = 0; // ~token: the largest is the first token
  for (int i = int(simt::thread_index().x); i < count; i += int(simt::block_dim().x))
    if (ordered(logits[i]) == key) first = Largest()(first, ~unsigned(i));
  return {key, int(~block_reduce(first, Largest(), scratch))};
}

// grid.x: rows; shared memory: reduce_scratch unsigned.
INTARSIA_KERNEL void argmax_rows(const float* logits, int count, int* tokens) {
  const std::size_t row = simt::block_index().x;
  const Best best = find_best(logits + row * std::size_t(count), count, simt::shared_memory<unsigned>());
  if (simt::thread_index().x == 0) tokens[row] = best.token;
}

// --- drawing
// ------------------------------------------------------------------------------------------------

struct Logits {
  const float* values;
  int count;
  float largest, inverse_temperature;
  bool counted; // each token weighs one
};

INTARSIA_DEVICE Weight weight_of(const Logits& logits, float logit) {
  if (logits.counted) return 1;
  return Weight(simt::fast_exp((logit - logits.largest) * logits.inverse_temperature) * weight_of_one);
}

// The key where the weights, summed from the largest key down, pass a bound.
struct Crossing {
  std::uint32_t key;
  Weight above; // of all larger keys
};

// Chooses the next eight bits of the key; called by one thread.
INTARSIA_DEVICE void choose_bin(const Weight* bins, Weight bound, int shift, Crossing* crossing) {
  int bin = sampling_bins - 1;
  Weight above = crossing->above;
  for (; bin > 0 && above + bins[bin] <= bound; --bin) above += bins[bin];
  crossing->above = above;
  crossing->key |= std::uint32_t(bin) << shift;
}

// The largest key whose weight, with that of all larger keys, exceeds `bound`.
INTARSIA_DEVICE Crossing find_crossing(const Logits& logits, Weight bound, Weight* bins, Crossing* shared) {
  if (simt::thread_index().x == 0) *shared = {0, 0};
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = int(simt::thread_index().x); i < sampling_bins; i += int(simt::block_dim().x)) bins[i] = 0;
    simt::block_barrier();
    const std::uint32_t prefix = shared->key;
    for (int i = int(simt::thread_index().x); i < logits.count; i += int(simt::block_dim().x)) {
      const std::uint32_t key = ordered(logits.values[i]);
      if (shift == 24 || (key ^ prefix) >> (shift + 8) == 0)
        simt::atomic_add(bins + (key >> shift & 255u), weight_of(logits, logits.values[i]));
    }
    simt::block_barrier();
    if (simt::thread_index().x == 0) choose_bin(bins, bound, shift, shared);
    simt::block_barrier();
  }
  const Crossing result = *shared;
  simt::block_barrier();
  return result;
}

// The weight of the logits above `key`, and of `ties` logits equal to it.
INTARSIA_DEVICE Weight weight_above(const Logits& logits, std::uint32_t key, Weight ties, Weight* shared) {
  if (simt::thread_index().x == 0) *shared = ties * weight_of(logits, number_of(key));
  simt::block_barrier();
  Weight mine = 0;
  for (int i = int(simt::thread_index().x); i < logits.count; i += int(simt::block_dim().x))
    if (ordered(logits.values[i]) > key) mine += weight_of(logits, logits.values[i]);
  simt::atomic_add(shared, mine);
  simt::block_barrier();
  return *shared;
}

// The token of the n-th logit with this key, counted by token. `counts`: an int a thread.
INTARSIA_DEVICE void write_nth(const Logits& logits, std::uint32_t key, Weight n, int* counts, int* token) {
  const int thread = int(simt::thread_index().x), threads = int(simt::block_dim().x);
  const int share = (logits.count + threads - 1) / threads;
  const int begin = thread * share < logits.count ? thread * share : logits.count;
  const int end = begin + share < logits.count ? begin + share : logits.count;
  int mine = 0;
  for (int i = begin; i < end; ++i) mine += ordered(logits.values[i]) == key;
  counts[thread] = mine;
  simt::block_barrier();
  Weight before = 0;
  for (int i = 0; i < thread; ++i) before += Weight(counts[i]);
  if (n < before || n >= before + Weight(mine)) return;
  for (int i = begin; i < end; ++i)
    if (ordered(logits.values[i]) == key && before++ == n) *token = i;
}

// The weight of the tokens that top_k leaves; 0 leaves all.
INTARSIA_DEVICE Weight weight_of_likeliest(const Logits& logits, int top_k, Weight* bins, Crossing* shared,
                                           Weight* total) {
  if (top_k <= 0 || top_k >= logits.count) return weight_above(logits, 0, 0, total);
  Logits counted = logits;
  counted.counted = true;
  const Crossing last = find_crossing(counted, Weight(top_k - 1), bins, shared);
  return weight_above(logits, last.key, Weight(top_k) - last.above, total);
}

// The weight of the fewest tokens, likeliest first, that reach top_p of `total`; equal ones count by token.
INTARSIA_DEVICE Weight weight_of_nucleus(const Logits& logits, double top_p, Weight total, Weight* bins,
                                         Crossing* shared) {
  const double wanted = top_p * double(total);
  Weight bound = Weight(wanted);
  if (bound > 0 && double(bound) == wanted) --bound; // "reach", where a crossing exceeds
  if (bound >= total) bound = total - 1;
  const Crossing last = find_crossing(logits, bound, bins, shared);
  const Weight one = weight_of(logits, number_of(last.key));
  return last.above + ((bound - last.above) / one + 1) * one;
}

struct Sampling {
  float temperature; // > 0
  double top_p;      // (0, 1]
  int top_k;         // 0: all
};

// grid.x: rows; sampling_shared_bytes(). draws: for each row a number in [0, 1).
INTARSIA_KERNEL void sample_rows(const float* logits, int count, Sampling sampling, const double* draws,
                                 int* tokens) {
  Weight* bins = simt::shared_memory<Weight>();
  Crossing* shared = reinterpret_cast<Crossing*>(bins + sampling_bins);
  Weight* total = bins + sampling_bins + 2;
  unsigned* scratch = reinterpret_cast<unsigned*>(bins + sampling_bins + 4);
  int* counts = reinterpret_cast<int*>(scratch + reduce_scratch);
  const std::size_t row = simt::block_index().x;
  const float* values = logits + row * std::size_t(count);
  const Best best = find_best(values, count, scratch);
  if (best.token == token_of_damage) {
    if (simt::thread_index().x == 0) tokens[row] = token_of_damage;
    return;
  }
  const Logits all{values, count, number_of(best.key), 1 / sampling.temperature, false};
  const Weight likeliest = weight_of_likeliest(all, sampling.top_k, bins, shared, total);
  const Weight kept = weight_of_nucleus(all, sampling.top_p, likeliest, bins, shared);
  Weight draw = Weight(draws[row] * double(kept));
  if (draw >= kept) draw = kept - 1; // where the product was rounded up
  const Crossing drawn = find_crossing(all, draw, bins, shared);
  const Weight each = weight_of(all, number_of(drawn.key));
  write_nth(all, drawn.key, (draw - drawn.above) / each, counts, tokens + row);
}

// A repetition penalty (Keskar et al. 2019, section 4.1) on one row's logits of `listed` different tokens.
INTARSIA_KERNEL void penalise_tokens(float* logits, const int* tokens, int listed, float penalty) {
  const int step = int(simt::grid_dim().x * simt::block_dim().x);
  for (int i = int(simt::block_index().x * simt::block_dim().x + simt::thread_index().x); i < listed;
       i += step) {
    const float logit = logits[tokens[i]];
    logits[tokens[i]] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

} // namespace intarsia::kernels

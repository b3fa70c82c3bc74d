// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The next token of each row of logits, a block a row: the most likely one, or one sampled at a temperature
// from the top_k likeliest, and of these from the likeliest whose probabilities reach top_p, as
// core/runtime/sampler.h does.
//
// Nothing is sorted. A token's weight e^((logit - largest) / temperature) is counted in whole numbers, so
// that sums do not depend on their order. Its key is how far its logit lies below the largest, and behind
// that its number: keys are unique, and smaller ones are likelier. A bound on the sum of weights, or on the
// number of tokens, is crossed at one key, which is found as in a radix sort: a histogram over the first
// eleven bits says in which bin, the tokens of that bin are gathered in shared memory, and histograms over
// their next bits name the one. So the logits are read once for the largest, once for the first histogram
// and once for each bin that is looked into, at most three.
#pragma once

#include "cuda/kernels/reduce.cuh"

namespace intarsia::kernels {

using Weight = unsigned long long;

inline constexpr float weight_of_one = 0x1p40f; // 2^23 tokens fit into 64 bits
// So many temperatures below the largest logit a weight is 0: 2^40 e^-28 < 1. They are 2^32 steps of
// distance.
inline constexpr float weighty_span = 28;
inline constexpr int token_of_damage = -1; // written where a logit is not finite
inline constexpr int first_bits = 11, next_bits = 8, max_gathered = 2048;

constexpr std::size_t argmax_shared_bytes() { return sizeof(Weight) * std::size_t(reduce_scratch); }
constexpr std::size_t sampling_shared_bytes() {
  return sizeof(Weight) * std::size_t(reduce_scratch + max_gathered + 4) +
         3 * sizeof(unsigned) * std::size_t((1 << first_bits) + (1 << next_bits));
}

// Patterns in the order of the numbers; -0 counts as 0. The largest is that of no finite number.
INTARSIA_DEVICE std::uint32_t ordered(float logit) {
  const std::uint32_t bits = simt::float_bits(logit + 0.f);
  if ((bits & 0x7F800000u) == 0x7F800000u) return 0xFFFFFFFFu;
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
INTARSIA_DEVICE float number_of(std::uint32_t pattern) {
  return simt::float_from_bits(pattern & 0x80000000u ? pattern & 0x7FFFFFFFu : ~pattern);
}

struct Best {
  float logit;
  int token;
};

template <typename Visit>
INTARSIA_DEVICE void for_each_logit(const float* logits, int count, const Visit& visit) {
  INTARSIA_UNROLL_BY(4) // their loads go out together
  for (int i = int(simt::thread_index().x); i < count; i += int(simt::block_dim().x))
    visit(simt::load_cached(logits + i), i);
}

// The largest logit's first token; token_of_damage when one is not finite. The same for all threads.
INTARSIA_DEVICE Best find_best(const float* logits, int count, Weight* scratch) {
  Weight best = 0; // pattern, and ~token: the largest is the first token
  for_each_logit(logits, count, [&](float logit, int i) {
    best = Largest()(best, Weight(ordered(logit)) << 32 | ~unsigned(i));
  });
  best = block_reduce(best, Largest(), scratch);
  const auto pattern = std::uint32_t(best >> 32);
  if (pattern == 0xFFFFFFFFu) return {0, token_of_damage};
  return {number_of(pattern), int(~unsigned(best))};
}

// grid.x: rows; argmax_shared_bytes().
INTARSIA_KERNEL void argmax_rows(const float* logits, int count, int* tokens) {
  const std::size_t row = simt::block_index().x;
  const Best best = find_best(logits + row * std::size_t(count), count, simt::shared_memory<Weight>());
  if (simt::thread_index().x == 0) tokens[row] = best.token;
}

// --- sampling

struct Logits {
  const float* values;
  int count;
  float largest, inverse_temperature;
  int token_bits; // of a key, below the distance's
};

INTARSIA_DEVICE int bits_of(unsigned largest) {
  int bits = 0;
  for (; largest > 0; largest >>= 1) ++bits;
  return bits;
}

INTARSIA_DEVICE Weight weight_of(const Logits& logits, Weight key) {
  const auto distance = std::uint32_t(key >> logits.token_bits);
  return Weight(simt::fast_exp(float(distance) * (-weighty_span * 0x1p-32f)) * weight_of_one);
}

// Keys that begin with the same bits.
struct Range {
  Weight prefix;
  int shift;
  INTARSIA_DEVICE bool holds(Weight key) const { return key >> shift == prefix; }
  INTARSIA_DEVICE bool holds(const Range& other) const {
    return shift >= other.shift && other.prefix >> (shift - other.shift) == prefix;
  }
};

// Counts and sums of weights; a sum lies in two words, as shared memory adds no longer ones at once.
struct Bins {
  unsigned *counts, *low, *high;
  INTARSIA_DEVICE Weight weight(int bin) const { return Weight(high[bin]) << 32 | low[bin]; }
  INTARSIA_DEVICE void add(int bin, Weight weight) const {
    simt::atomic_add(counts + bin, 1u);
    const auto part = unsigned(weight);
    auto rest = unsigned(weight >> 32);
    if (simt::atomic_add(low + bin, part) > ~part) ++rest;
    if (rest > 0) simt::atomic_add(high + bin, rest);
  }
};

// In shared memory.
struct SamplingMemory {
  Weight* reducing; // reduce_scratch of them
  Weight* keys;     // max_gathered
  Weight* found;    // 3: what find_bin() has found
  unsigned* gathered;
  Bins first, next;
};

INTARSIA_DEVICE SamplingMemory sampling_memory() {
  SamplingMemory memory;
  memory.reducing = simt::shared_memory<Weight>();
  memory.keys = memory.reducing + reduce_scratch;
  memory.found = memory.keys + max_gathered;
  memory.gathered = reinterpret_cast<unsigned*>(memory.found + 3);
  unsigned* words = memory.gathered + 2;
  constexpr int first = 1 << first_bits, next = 1 << next_bits;
  memory.first = {words, words + first, words + 2 * first};
  words += 3 * first;
  memory.next = {words, words + next, words + 2 * next};
  return memory;
}

// Which keys SamplingMemory::keys holds.
struct Gathered {
  Range range{0, -1}; // holds no other
  int count = 0;
};

template <typename Visit>
INTARSIA_DEVICE void for_each_key(const Logits& logits, const Range& range, const Visit& visit) {
  for_each_logit(logits.values, logits.count, [&](float logit, int token) {
    const float below = logits.largest - logit; // times infinity where the temperature is next to 0
    const float steps = below > 0 ? below * logits.inverse_temperature * (0x1p32f / weighty_span) : 0;
    if (!(steps < 0x1p32f)) return;
    const Weight key = Weight(std::uint32_t(steps)) << logits.token_bits | unsigned(token);
    if (range.holds(key)) visit(key);
  });
}
template <typename Visit>
INTARSIA_DEVICE void for_each_gathered(const Range& range, const SamplingMemory& memory,
                                       const Gathered& gathered, const Visit& visit) {
  for (int i = int(simt::thread_index().x); i < gathered.count; i += int(simt::block_dim().x))
    if (range.holds(memory.keys[i])) visit(memory.keys[i]);
}

// Ends with a barrier.
INTARSIA_DEVICE void gather(const Logits& logits, const Range& range, int count, const SamplingMemory& memory,
                            Gathered* gathered) {
  if (simt::thread_index().x == 0) *memory.gathered = 0;
  simt::block_barrier();
  for_each_key(logits, range, [&](Weight key) { memory.keys[simt::atomic_add(memory.gathered, 1u)] = key; });
  simt::block_barrier();
  *gathered = {range, count};
}

// The histogram of a range over its next bits. Begins and ends with a barrier.
INTARSIA_DEVICE void fill_bins(const Logits& logits, const Range& range, int bits,
                               const SamplingMemory& memory, const Gathered& gathered, const Bins& bins) {
  for (int i = int(simt::thread_index().x); i < 1 << bits; i += int(simt::block_dim().x))
    bins.counts[i] = bins.low[i] = bins.high[i] = 0;
  simt::block_barrier();
  const auto add = [&](Weight key) {
    const int bin = int(key >> (range.shift - bits)) & ((1 << bits) - 1);
    bins.add(bin, weight_of(logits, key));
  };
  if (gathered.range.holds(range))
    for_each_gathered(range, memory, gathered, add);
  else
    for_each_key(logits, range, add);
  simt::block_barrier();
}

// The sum of what threads before this one have.
INTARSIA_DEVICE Weight block_sum_before(Weight mine, Weight* scratch) {
  Weight sum = mine;
  INTARSIA_UNROLL
  for (int step = 1; step < simt::warp_size; step *= 2) {
    const Weight other = simt::shuffle(sum, simt::lane() - step);
    if (simt::lane() >= step) sum += other;
  }
  if (simt::lane() == simt::warp_size - 1) scratch[simt::warp()] = sum;
  simt::block_barrier();
  Weight before = sum - mine;
  for (int i = 0; i < simt::warp(); ++i) before += scratch[i];
  simt::block_barrier();
  return before;
}

struct FoundBin {
  int bin;
  unsigned members; // 0: the bound is not passed
  Weight before;    // of what is summed
  Weight above;     // the weight of the bins before
};

// Where the sum of counts, or of weights, passes the bound. Each thread looks through a few bins.
INTARSIA_DEVICE FoundBin find_bin(const Bins& bins, int count, bool by_count, Weight bound,
                                  const SamplingMemory& memory) {
  const auto of_bin = [&](int bin) { return by_count ? Weight(bins.counts[bin]) : bins.weight(bin); };
  const int share = (count + int(simt::block_dim().x) - 1) / int(simt::block_dim().x);
  const int begin = int(simt::thread_index().x) * share;
  const int end = begin + share < count ? begin + share : count;
  if (simt::thread_index().x == 0) memory.found[1] = 0;
  Weight mine = 0;
  for (int bin = begin; bin < end; ++bin) mine += of_bin(bin);
  Weight before = block_sum_before(mine, memory.reducing);
  if (before <= bound && bound - before < mine) {
    int bin = begin;
    for (; before + of_bin(bin) <= bound; ++bin) before += of_bin(bin);
    memory.found[0] = Weight(bin);
    memory.found[1] = bins.counts[bin];
    memory.found[2] = before;
  }
  simt::block_barrier();
  FoundBin found{int(memory.found[0]), unsigned(memory.found[1]), memory.found[2], memory.found[2]};
  if (by_count) {
    Weight above = 0;
    for (int bin = begin; bin < end && bin < found.bin; ++bin) above += bins.weight(bin);
    found.above = block_reduce(above, Sum(), memory.reducing);
  }
  simt::block_barrier();
  return found;
}

// The token where the weights, summed from the likeliest on, pass a bound, and the weight of those before it.
struct Crossing {
  Weight key, above;
  bool passed; // else the others say nothing
};

// What is summed is the number of tokens or their weights; memory.first is filled.
INTARSIA_DEVICE Crossing find_crossing(const Logits& logits, bool by_count, Weight bound,
                                       const SamplingMemory& memory, Gathered* gathered) {
  Range range{0, 32 + logits.token_bits};
  Bins bins = memory.first;
  int bits = first_bits;
  Weight above = 0;
  while (true) {
    const FoundBin found = find_bin(bins, 1 << bits, by_count, bound, memory);
    if (found.members == 0) return {0, 0, false};
    above += found.above;
    bound -= found.before;
    range = {range.prefix << bits | unsigned(found.bin), range.shift - bits};
    if (!gathered->range.holds(range) && found.members <= unsigned(max_gathered))
      gather(logits, range, int(found.members), memory, gathered);
    if (found.members == 1) break;
    bits = range.shift < next_bits ? range.shift : next_bits;
    bins = memory.next;
    fill_bins(logits, range, bits, memory, *gathered, bins);
  }
  for_each_gathered(range, memory, *gathered, [&](Weight key) { memory.found[0] = key; });
  simt::block_barrier();
  const Crossing crossing{memory.found[0], above, true};
  simt::block_barrier();
  return crossing;
}

struct Sampling {
  float temperature; // > 0
  double top_p;      // (0, 1]
  int top_k;         // 0: all
};

// The bound that the fewest tokens pass, likeliest first, that reach top_p of `total`.
INTARSIA_DEVICE Weight nucleus_bound(double top_p, Weight total) {
  const double wanted = top_p * double(total);
  Weight bound = Weight(wanted);
  if (bound > 0 && double(bound) == wanted) --bound; // "reach", where a crossing exceeds
  return bound < total ? bound : total - 1;
}

INTARSIA_DEVICE Weight uniform_bound(double uniform, Weight kept) {
  const Weight bound = Weight(uniform * double(kept));
  return bound < kept ? bound : kept - 1; // where the product was rounded up
}

// Three crossings, one behind the other: the last of top_k, the last of the nucleus, the token sampled.
INTARSIA_DEVICE int sample_token(const Logits& logits, const Sampling& sampling, double uniform,
                                 const SamplingMemory& memory) {
  Gathered gathered;
  fill_bins(logits, {0, 32 + logits.token_bits}, first_bits, memory, gathered, memory.first);
  Weight kept = 0;
  for (int bin = int(simt::thread_index().x); bin < 1 << first_bits; bin += int(simt::block_dim().x))
    kept += memory.first.weight(bin);
  kept = block_reduce(kept, Sum(), memory.reducing);
  Weight key = 0;
  INTARSIA_UNROLL_BY(1) // code that is read three times is in the cache twice
  for (int step = 0; step < 3; ++step) {
    if ((step == 0 && sampling.top_k <= 0) || (step == 1 && sampling.top_p >= 1)) continue;
    const Weight bound = step == 0   ? Weight(sampling.top_k - 1)
                         : step == 1 ? nucleus_bound(sampling.top_p, kept)
                                     : uniform_bound(uniform, kept);
    const Crossing crossing = find_crossing(logits, step == 0, bound, memory, &gathered);
    if (!crossing.passed) continue; // there are no more than top_k
    kept = crossing.above + weight_of(logits, crossing.key);
    key = crossing.key;
  }
  return int(key & ((Weight(1) << logits.token_bits) - 1));
}

// grid.x: rows; sampling_shared_bytes(). uniforms: for each row a number in [0, 1).
INTARSIA_KERNEL void sample_rows(const float* logits, int count, Sampling sampling, const double* uniforms,
                                 int* tokens) {
  const SamplingMemory memory = sampling_memory();
  const std::size_t row = simt::block_index().x;
  const float* values = logits + row * std::size_t(count);
  const Best best = find_best(values, count, memory.reducing);
  int token = token_of_damage;
  if (best.token != token_of_damage)
    token = sample_token({values, count, best.logit, 1 / sampling.temperature, bits_of(unsigned(count - 1))},
                         sampling, uniforms[row], memory);
  if (simt::thread_index().x == 0) tokens[row] = token;
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

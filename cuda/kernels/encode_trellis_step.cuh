// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One step of the trellis search of encode_trellis.cuh, which explains the arithmetic: what a block holds in
// shared and global memory, and how the costs before a step become those after it.
#pragma once

#include <cmath>

#include "core/palette/trellis.h"
#include "cuda/kernels/reduce.cuh"

namespace intarsia::kernels {

inline constexpr int states_a_thread = 64;

// What is known of a trellis when it is compiled; `doubled`: differences are, before they are squared. Tests
// use fewer states than the product's 2^16.
template <int state_bits_, int min_bits_, int max_bits_, bool doubled_>
struct TrellisCode {
  static constexpr int state_bits = state_bits_, min_bits = min_bits_, max_bits = max_bits_;
  static constexpr bool doubled = doubled_;
  static constexpr int threads = (1 << state_bits) / states_a_thread;
  static constexpr int run = states_a_thread >> max_bits; // neighbouring states of one thread and row
};

// Calls use(TrellisCode of a rate), on the host.
template <int state_bits, typename Use>
void with_trellis_code(unsigned quarters, Use use) {
  const bool whole = quarters % 4 == 0;
  switch (quarters / 4) {
  case 1:
    return use(TrellisCode<state_bits, 1, 2, false>());
  case 2:
    return whole ? use(TrellisCode<state_bits, 2, 2, false>()) : use(TrellisCode<state_bits, 2, 3, false>());
  case 3:
    return whole ? use(TrellisCode<state_bits, 3, 3, false>()) : use(TrellisCode<state_bits, 3, 4, false>());
  case 4:
    if (quarters >= 18) return use(TrellisCode<state_bits, 4, 5, true>()); // as core doubles
    return whole ? use(TrellisCode<state_bits, 4, 4, false>()) : use(TrellisCode<state_bits, 4, 5, false>());
  default:
    return use(TrellisCode<state_bits, 5, 5, true>());
  }
}

// --- shared memory

inline constexpr int trellis_slots = 3, trellis_trace_steps = 16;

// 2^state_bits bytes of costs, later of choices being followed, and the rest.
template <typename Code>
struct TrellisShared {
  std::uint16_t* costs;
  float* targets;       // of a ring, in units
  std::uint32_t* slots; // complements of the smallest costs of the last steps
  std::uint32_t* reduce;
  std::uint32_t* exponent; // trellis_exponent
  std::uint16_t* found;    // states

  INTARSIA_DEVICE explicit TrellisShared(std::uint8_t* memory) {
    costs = reinterpret_cast<std::uint16_t*>(memory);
    targets = reinterpret_cast<float*>(memory + (1u << Code::state_bits));
    slots = reinterpret_cast<std::uint32_t*>(targets + trellis::ring_weights);
    reduce = slots + trellis_slots;
    exponent = reduce + reduce_scratch;
    found = reinterpret_cast<std::uint16_t*>(exponent + 1);
  }
};

template <typename Code>
constexpr std::size_t trellis_shared_bytes() {
  return (std::size_t(1) << Code::state_bits) + 6 * trellis::ring_weights +
         4 * (trellis_slots + reduce_scratch + 1);
}

// Words that each block keeps in global memory: a thread's choices, step by step.
template <typename Code>
constexpr std::size_t trellis_choices() {
  return std::size_t(trellis::ring_weights) * Code::threads;
}

// Where a group's cost lies: pieces of 16 bytes change places within 128, so that threads whose runs lie 32
// or 64 bytes apart use all banks.
INTARSIA_DEVICE std::uint32_t cost_index(std::uint32_t group) { return group ^ (group >> 3 & 0x18u); }
// Of group + (row << shift), group < 1 << shift: where it can be, an offset known to the compiler.
template <int shift>
INTARSIA_DEVICE std::uint32_t cost_index(std::uint32_t group, int row) {
  if constexpr (shift >= 8) return cost_index(group) + (std::uint32_t(row) << shift);
  return cost_index(group) ^ cost_index(std::uint32_t(row) << shift);
}

// `count` neighbouring costs, two a word.
template <int count>
struct TrellisCosts {
  std::uint32_t words[(count + 1) / 2];

  INTARSIA_DEVICE void load(const std::uint16_t* from) {
    if constexpr (count == 1)
      words[0] = *from;
    else if constexpr (count == 2)
      words[0] = *reinterpret_cast<const std::uint32_t*>(from);
    else if constexpr (count == 4) {
      const auto two = *reinterpret_cast<const simt::uint2*>(from);
      words[0] = two.x, words[1] = two.y;
    } else {
      const auto four = *reinterpret_cast<const simt::uint4*>(from);
      words[0] = four.x, words[1] = four.y, words[2] = four.z, words[3] = four.w;
    }
  }
  INTARSIA_DEVICE void store(std::uint16_t* to) const {
    if constexpr (count == 2)
      *reinterpret_cast<std::uint32_t*>(to) = words[0];
    else if constexpr (count == 4)
      *reinterpret_cast<simt::uint2*>(to) = {words[0], words[1]};
    else
      *reinterpret_cast<simt::uint4*>(to) = {words[0], words[1], words[2], words[3]};
  }
  INTARSIA_DEVICE std::uint32_t operator[](int i) const {
    return i % 2 ? words[i / 2] >> 16 : words[i / 2] & 0xFFFFu;
  }
};

// --- one step

// Of 2^23. A step reads it from memory: where a compiler knows both it and prmt's selectors, only one of the
// two fits into the instruction, and the other takes an instruction a state.
inline constexpr std::uint32_t trellis_exponent = 0x4B000000u;
inline constexpr float trellis_number = 8388608.f + 32768.f; // 2^23, and values are never negative
inline constexpr float trellis_square = 274877906944.f + 32768.f;
inline constexpr std::uint32_t trellis_square_bits = 0x52800001u; // its pattern: to be taken off again

// A weight to be met: the difference is fma(number, sign, shift), clamped to 16 bits.
struct TrellisTarget {
  float sign, shift, limit;
};

// Values have 16 bits, so that only one end of the range can be left; on the negative side the difference is
// negated, and its limit the other.
template <bool doubled>
INTARSIA_DEVICE TrellisTarget trellis_target(float target) {
  const float number = trellis_number + target;
  if (doubled) return {2, -2 * number, 32767};
  if (target < 0) return {1, -number, 32767};
  return {-1, number, 32768};
}

// What a state whose value is `number` costs, plus trellis_square_bits.
template <bool doubled>
INTARSIA_DEVICE std::uint32_t trellis_cost(std::uint32_t number, const TrellisTarget& target) {
  float difference = simt::fused_multiply_add(simt::float_from_bits(number), target.sign, target.shift);
  difference = fminf(difference, target.limit);
  if constexpr (doubled) difference = fmaxf(difference, -32768);
  return simt::float_bits(simt::fused_multiply_add(difference, difference, trellis_square));
}

// One thread's share of a step from groups of `bits` to groups of `next_bits` new bits. Its groups are `run`
// neighbours in each of `parts` parts; the state of row h, place r has group (part h % parts, r).
template <typename Code, int bits, int next_bits>
struct TrellisStep {
  static constexpr int row_bits = Code::state_bits - Code::max_bits;
  static constexpr int parts = 1 << (Code::max_bits - next_bits), groups = Code::run * parts;
  static constexpr int max_together = 8, together = Code::run < max_together ? Code::run : max_together;
  static constexpr int costs_together = together >> bits > 0 ? together >> bits : 1;

  std::uint32_t exponent;
  std::uint32_t after[groups / 2]; // costs, two a word
  std::uint32_t choices;           // `next_bits` bits a group: which of its states survived
  std::uint32_t least;             // of the costs

  INTARSIA_DEVICE void advance(const std::uint32_t* values, const TrellisTarget& target, std::uint32_t offset,
                               const std::uint16_t* costs) {
    choices = 0;
    least = 0xFFFFu;
    INTARSIA_UNROLL
    for (int first = 0; first < groups; first += together) {
      std::uint32_t best[together];
      INTARSIA_UNROLL
      for (int i = 0; i < together; ++i) best[i] = 0xFFFFFFFFu;
      INTARSIA_UNROLL
      for (int choice = 0; choice < 1 << next_bits; ++choice)
        meet(values, target, offset, costs, choice, first, best);
      settle(best, first);
    }
  }

  // best: 32 times the cost of the cheapest way to a group, and its choice: of equals the first wins.
  INTARSIA_DEVICE void meet(const std::uint32_t* values, const TrellisTarget& target, std::uint32_t offset,
                            const std::uint16_t* costs, int choice, int first,
                            std::uint32_t (&best)[together]) {
    const int row = choice * parts + first / Code::run, place = first % Code::run;
    const std::uint32_t state = simt::thread_index().x * unsigned(Code::run) + unsigned(place); // of row 0
    TrellisCosts<costs_together> before;
    before.load(costs + cost_index<row_bits - bits>(state >> bits, row));
    const std::uint32_t base = std::uint32_t(choice) - 32u * (offset + trellis_square_bits);
    INTARSIA_UNROLL
    for (int i = 0; i < together; ++i) {
      const std::uint32_t pair = values[(row * Code::run + place + i) / 2];
      const std::uint32_t number = simt::byte_permute(pair, exponent, i % 2 ? 0x7432u : 0x7410u);
      const std::uint32_t way =
          trellis_cost<Code::doubled>(number, target) * 32u + (before[i >> bits] * 32u + base);
      best[i] = way < best[i] ? way : best[i];
    }
  }

  INTARSIA_DEVICE void settle(const std::uint32_t (&best)[together], int first) {
    INTARSIA_UNROLL
    for (int i = 0; i < together; ++i) {
      choices |= (best[i] & ((1u << next_bits) - 1)) << ((first + i) * next_bits);
      const std::uint32_t cost = best[i] >> 5 < 0xFFFFu ? best[i] >> 5 : 0xFFFFu; // saturates
      least = cost < least ? cost : least;
      std::uint32_t& word = after[(first + i) / 2];
      word = i % 2 ? word | cost << 16 : cost;
    }
  }

  INTARSIA_DEVICE void store(std::uint16_t* costs) const {
    constexpr int piece = Code::run < 8 ? Code::run : 8;
    INTARSIA_UNROLL
    for (int first = 0; first < groups; first += piece) {
      TrellisCosts<piece> some;
      INTARSIA_UNROLL
      for (int i = 0; i < piece / 2; ++i) some.words[i] = after[first / 2 + i];
      const std::uint32_t group = simt::thread_index().x * unsigned(Code::run) + unsigned(first % Code::run);
      some.store(costs + cost_index<row_bits>(group, first / Code::run));
    }
  }
};

} // namespace intarsia::kernels

// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The tail-biting Viterbi search of core/palette/trellis_encoder.cpp, a ring of 256 weights a block: the same
// two passes, the same integer costs, the same choice among equals, hence the same codes.
//
// As there, states have their bits reversed, costs are kept by group (state >> new bits), and a step goes
// from the costs of the groups before it to those after it. A thread owns 64 states for good, `run`
// neighbours in each of 2^max_bits rows: all predecessors of its groups, whatever the step's new bits, so
// the states' values stay in its registers and a step's costs replace those before it in shared memory (64
// KB at most, where all states' would be 128 KB) between two barriers. What a group's survivor came from is
// at most 32 bits a thread and step, in global memory.
//
// The arithmetic is f32 where that is exact: a number is told by the mantissa's low bits of 2^23 + number,
// and a square by rounding d^2 + 2^38 to multiples of 2^15. Half a multiple occurs only above a multiple of 4
// (d = 128 x odd, and odd squares are 1 mod 8); core rounds it up, and so does ties-to-even behind 2^38 +
// 2^15.
//
// Instructions a state in a step's loop on sm_90 (tests/gpu/count_instructions.py; no time was measured), of
// which six are the search itself: 12.0 at 1 bit, 9.6 at 2, 8.1 at 3 and 4, 9.6 at 5; on
// sm_86 12.9, 9.7, 8.2, 8.1, 10.1.
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

// Rings of one rate: a rectangle of weights, rows of f32, and where its codes go. Beyond `rows` and `columns`
// weights are zeros; a ring without a weight is left as it is.
struct TrellisRings {
  const float* weights;
  std::size_t stride; // of weights
  int rows, columns;
  unsigned quarters;
  float factor, unit;      // trellis::encoder_factor(), scale()
  std::uint8_t* codes;     // of the block that the columns begin in, in the first panel
  unsigned first_part;     // of that block, where they begin
  std::size_t panel_bytes; // from one panel to the next

  constexpr int parts() const {
    return (columns + int(trellis::ring_columns) - 1) / int(trellis::ring_columns);
  }
  constexpr int rings() const {
    return int(trellis::panels(std::size_t(rows))) * parts() * int(trellis::part_rings);
  }
};

// One of them, numbered by panel, then part, then within the part.
struct TrellisRing {
  unsigned number;     // in its block
  int row, column;     // of the block's corner, in the rectangle; the column may lie left of it
  std::uint8_t* block; // its codes

  INTARSIA_DEVICE TrellisRing(const TrellisRings& rings, int ring) {
    constexpr int part_rings = int(trellis::part_rings);
    const int panel = ring / part_rings / rings.parts();
    const auto part = rings.first_part + unsigned(ring / part_rings % rings.parts());
    number = part % trellis::block_parts * trellis::part_rings + unsigned(ring % part_rings);
    row = panel * int(trellis::panel_rows);
    const unsigned column_of_block = part / trellis::block_parts;
    column = int(column_of_block * trellis::block_columns) - int(rings.first_part * trellis::ring_columns);
    block = rings.codes + std::size_t(panel) * rings.panel_bytes +
            column_of_block * trellis::block_bytes(rings.quarters);
  }
  INTARSIA_DEVICE bool has_weights(const TrellisRings& rings) const {
    return row + int(trellis::tile_position(number, 0).row) < rings.rows; // its first row; columns are there
  }
};

// --- shared memory
// ----------------------------------------------------------------------------------------------

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
// ---------------------------------------------------------------------------------------------------

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

// --- a pass
// -----------------------------------------------------------------------------------------------------

// Steps first, first + 1 … (modulo 256). `group`: of the state before, where it is known.
struct TrellisSpan {
  unsigned first, count;
  bool group_known;
  std::uint32_t group;
};

template <typename Code>
INTARSIA_DEVICE int trellis_bits(unsigned step, unsigned quarters) {
  if constexpr (Code::min_bits == Code::max_bits) return Code::min_bits;
  return int(trellis::new_bits(step, quarters));
}

// What the smallest cost of a step is, once it is large: then it is taken off all. Only the slots of the
// last step and of this one may be looked at.
INTARSIA_DEVICE std::uint32_t trellis_offset(const std::uint32_t* slots, unsigned step) {
  const std::uint32_t least = ~slots[step % trellis_slots];
  return least < 2048u ? 0 : least;
}

template <typename Code, int bits, int next_bits>
INTARSIA_DEVICE std::uint32_t trellis_advance(const std::uint32_t* values, const TrellisShared<Code>& shared,
                                              unsigned number, unsigned step) {
  TrellisStep<Code, bits, next_bits> work;
  work.exponent = *shared.exponent;
  const TrellisTarget target = trellis_target<Code::doubled>(shared.targets[step % trellis::ring_weights]);
  work.advance(values, target, trellis_offset(shared.slots, number), shared.costs);
  const std::uint32_t least = warp_reduce(~work.least, Largest());
  if (simt::lane() == 0) simt::atomic_max(shared.slots + (number + 1) % trellis_slots, least);
  simt::block_barrier(); // the costs before this step have been read
  work.store(shared.costs);
  if (simt::thread_index().x == 0) shared.slots[(number + 2) % trellis_slots] = 0;
  simt::block_barrier();
  return work.choices;
}

template <typename Code>
INTARSIA_DEVICE std::uint32_t trellis_advance(const std::uint32_t* values, const TrellisShared<Code>& shared,
                                              unsigned number, unsigned step, unsigned quarters) {
  constexpr int least = Code::min_bits, most = Code::max_bits;
  if constexpr (least == most) return trellis_advance<Code, most, most>(values, shared, number, step);
  const bool many = trellis_bits<Code>(step, quarters) == most;
  if (trellis_bits<Code>(step + 1, quarters) == most)
    return many ? trellis_advance<Code, most, most>(values, shared, number, step)
                : trellis_advance<Code, least, most>(values, shared, number, step);
  return many ? trellis_advance<Code, most, least>(values, shared, number, step)
              : trellis_advance<Code, least, least>(values, shared, number, step);
}

// Costs before the first step, and slots that take nothing off.
template <typename Code>
INTARSIA_DEVICE void trellis_start(const TrellisSpan& span, const TrellisShared<Code>& shared,
                                   unsigned quarters) {
  const std::uint32_t groups = 1u << (Code::state_bits - trellis_bits<Code>(span.first, quarters));
  for (std::uint32_t group = simt::thread_index().x; group < groups; group += unsigned(Code::threads))
    shared.costs[cost_index(group)] = span.group_known && group != span.group ? 0xFFFF : 0;
  if (simt::thread_index().x == 0) {
    shared.slots[0] = 0xFFFFFFFFu;
    shared.slots[1] = 0;
  }
  simt::block_barrier();
}

// The cheapest group after the last step, the first of equals.
template <typename Code>
INTARSIA_DEVICE std::uint32_t trellis_cheapest(const TrellisShared<Code>& shared, int bits) {
  std::uint32_t best = 0xFFFFFFFFu;
  for (std::uint32_t group = simt::thread_index().x; group < 1u << (Code::state_bits - bits);
       group += unsigned(Code::threads)) {
    const std::uint32_t mine = std::uint32_t(shared.costs[cost_index(group)]) << 16 | group;
    best = mine < best ? mine : best;
  }
  return ~block_reduce(~best, Largest(), shared.reduce) & 0xFFFFu;
}

// Follows the choices of steps [begin, end) of a span, which lie in shared memory, from the group after the
// last one; returns the group before the first. One thread's work.
template <typename Code>
INTARSIA_DEVICE std::uint32_t trellis_follow(const TrellisSpan& span, unsigned begin, unsigned end,
                                             const std::uint32_t* choices, std::uint32_t group,
                                             unsigned quarters, std::uint16_t* found) {
  constexpr int row_bits = Code::state_bits - Code::max_bits;
  for (unsigned i = end; i-- > begin;) {
    const int next_bits = trellis_bits<Code>(span.first + i + 1, quarters);
    const std::uint32_t thread = (group & ((1u << row_bits) - 1)) / unsigned(Code::run);
    const std::uint32_t number = (group >> row_bits) * unsigned(Code::run) + group % unsigned(Code::run);
    const std::uint32_t word = choices[(i - begin) * unsigned(Code::threads) + thread];
    const std::uint32_t choice = word >> (number * unsigned(next_bits)) & ((1u << next_bits) - 1);
    const std::uint32_t state = (choice << (Code::state_bits - next_bits)) + group;
    found[i] = std::uint16_t(state);
    group = state >> trellis_bits<Code>(span.first + i, quarters);
  }
  return group;
}

// Finds the states of the steps from `stop` on. The choices pass through the memory of the costs: each
// thread fetches what it stored itself, all at once, and one follows them there.
template <typename Code>
INTARSIA_DEVICE void trellis_trace(const TrellisSpan& span, unsigned stop, const TrellisShared<Code>& shared,
                                   const std::uint32_t* choices, std::uint32_t group, unsigned quarters) {
  auto* near = reinterpret_cast<std::uint32_t*>(shared.costs);
  const unsigned thread = simt::thread_index().x;
  for (unsigned end = span.count; end > stop;) {
    const unsigned begin = end - stop > trellis_trace_steps ? end - trellis_trace_steps : stop;
    for (unsigned i = begin; i < end; ++i)
      near[(i - begin) * unsigned(Code::threads) + thread] = choices[i * unsigned(Code::threads) + thread];
    simt::block_barrier();
    if (thread == 0) group = trellis_follow<Code>(span, begin, end, near, group, quarters, shared.found);
    simt::block_barrier();
    end = begin;
  }
}

// choices: of this block.
template <typename Code>
INTARSIA_DEVICE void trellis_pass(const TrellisSpan& span, unsigned stop, const std::uint32_t* values,
                                  const TrellisShared<Code>& shared, std::uint32_t* choices,
                                  unsigned quarters) {
  trellis_start(span, shared, quarters);
  for (unsigned i = 0; i < span.count; ++i)
    choices[i * unsigned(Code::threads) + simt::thread_index().x] =
        trellis_advance(values, shared, i, span.first + i, quarters);
  const std::uint32_t group =
      span.group_known ? span.group
                       : trellis_cheapest(shared, trellis_bits<Code>(span.first + span.count, quarters));
  trellis_trace(span, stop, shared, choices, group, quarters);
}

// --- a ring
// -----------------------------------------------------------------------------------------------------

INTARSIA_DEVICE float trellis_units(float weight, float factor) {
  constexpr float rounder = 12582912; // 1.5 x 2^23: what is added to it is rounded to a whole number
  return fminf(fmaxf(weight * factor, -32767), 32767) + rounder - rounder;
}

template <typename Code>
INTARSIA_DEVICE void trellis_load(const TrellisRings& rings, const TrellisRing& ring,
                                  const TrellisShared<Code>& shared) {
  for (unsigned t = simt::thread_index().x; t < trellis::ring_weights; t += unsigned(Code::threads)) {
    const trellis::TilePosition position = trellis::tile_position(ring.number, t);
    const int row = ring.row + int(position.row), column = ring.column + int(position.column);
    const bool there = row < rings.rows && column < rings.columns;
    const float weight = there ? rings.weights[std::size_t(row) * rings.stride + std::size_t(column)] : 0.f;
    shared.targets[t] = trellis_units(weight, rings.factor);
  }
}

// A byte of the stream. New bits of step t, t = 1 … 256, lie where its window ends: at first_bit(t - 1) …
// first_bit(t) - 1, moved by the window's length; in a reversed state they are the lowest, the first on top.
INTARSIA_DEVICE std::uint8_t trellis_byte(const std::uint16_t* found, unsigned quarters, unsigned state_bits,
                                          unsigned number) {
  const unsigned length = quarters * trellis::ring_weights / 4;
  unsigned byte = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    const unsigned at = (8 * number + bit + length - state_bits) % length;
    const unsigned before = (4 * at + 3) / quarters; // the last step that begins at `at` or earlier
    const unsigned last = trellis::first_bit(before + 1, quarters) - 1;
    byte |= (unsigned(found[(before + 1) % trellis::ring_weights]) >> (last - at) & 1u) << bit;
  }
  return std::uint8_t(byte);
}

template <typename Code>
INTARSIA_DEVICE void trellis_pack(const TrellisRings& rings, const TrellisRing& ring,
                                  const TrellisShared<Code>& shared) {
  for (unsigned i = simt::thread_index().x; i < trellis::ring_bytes(rings.quarters);
       i += unsigned(Code::threads))
    ring.block[trellis::ring_byte_index(ring.number, i, rings.quarters)] =
        trellis_byte(shared.found, rings.quarters, unsigned(Code::state_bits), i);
}

// Blocks of Code::threads, as many as there is scratch for. values: of all states with their bits reversed,
// plus 32768, two a word. choices: trellis_choices() words a block.
template <typename Code>
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(Code::threads)
    encode_trellis(TrellisRings rings, const std::uint32_t* values, std::uint32_t* choices) {
  constexpr unsigned seam = 64; // steps before and after the ends that decide the bits they share
  const TrellisShared<Code> shared(simt::shared_memory<std::uint8_t>());
  std::uint32_t mine[states_a_thread / 2];
  INTARSIA_UNROLL
  for (int i = 0; i < states_a_thread / 2; ++i) {
    const unsigned row = unsigned(2 * i / Code::run) << (Code::state_bits - Code::max_bits);
    mine[i] = values[(row + simt::thread_index().x * unsigned(Code::run) + unsigned(2 * i % Code::run)) / 2];
  }
  choices += simt::block_index().x * trellis_choices<Code>();
  if (simt::thread_index().x == 0) *shared.exponent = trellis_exponent; // before the first barrier
  for (int i = int(simt::block_index().x); i < rings.rings(); i += int(simt::grid_dim().x)) {
    const TrellisRing ring(rings, i);
    if (!ring.has_weights(rings)) continue;
    simt::block_barrier(); // the ring before has been packed
    trellis_load(rings, ring, shared);
    TrellisSpan span = {trellis::ring_weights - seam, 2 * seam, false, 0};
    trellis_pass(span, seam, mine, shared, choices, rings.quarters);
    const int bits = trellis_bits<Code>(0, rings.quarters);
    span = {0, trellis::ring_weights, true, std::uint32_t(shared.found[seam]) >> bits};
    trellis_pass(span, 0, mine, shared, choices, rings.quarters);
    trellis_pack(rings, ring, shared);
  }
}

} // namespace intarsia::kernels

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

#include "cuda/kernels/encode_trellis_step.cuh"

namespace intarsia::kernels {

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

// --- a pass

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

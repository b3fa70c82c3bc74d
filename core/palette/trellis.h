// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The geometry of a trellis-coded matrix: panels, blocks, rings and the window of 16 bits that each weight is
// read from. All constexpr; shared by host and device. Written down for others in
// resources/help/code-layouts.md.
//
// A bitshift trellis (QTIP, arXiv 2406.11235, section 3.1) whose rate changes from step to step: at b bits a
// weight, weight t of a ring is a function of the 16 bits that begin at bit floor(t b) of its stream, so a
// step adds floor(b) or ceil(b) new bits, b on average, and every weight can be decoded alone. A ring is 256
// weights; its stream is circular (tail-biting): the last windows go on at bit 0.
//
// d_out x d_in weights are padded with zeros to multiples of 64. 64 rows are a *panel*, 64 columns of it a
// *block*: 32 lanes with `quarters` 32-bit words each, so that a warp of a GPU streams a block into registers
// with loads of 16 bytes a lane, and a vector unit loads the same words of 4 neighbouring lanes at once. A
// lane's words are a stream of four parts, one for each 16 columns; the parts of eight neighbouring lanes,
// one after the other, are a ring. Eight lanes x 32 weights: in the order of the A registers of
// mma.m16n8k32.u8.s8 with a weight's four bytes side by side in k (PTX ISA, "Matrix fragments for
// mma.m16n8k32").
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::trellis {

inline constexpr unsigned state_bits = 16;
inline constexpr unsigned states = 1u << state_bits;
inline constexpr unsigned state_mask = states - 1;

inline constexpr unsigned panel_rows = 64;    // of a block
inline constexpr unsigned block_columns = 64; // of a block
inline constexpr unsigned ring_weights = 256;
inline constexpr unsigned ring_columns = 16;
inline constexpr unsigned ring_rows = 16; // not neighbours: see tile_position()
inline constexpr unsigned lanes = 32, ring_lanes = 8, lane_weights = 32;
inline constexpr unsigned block_parts = block_columns / ring_columns; // parts of a lane's stream
inline constexpr unsigned part_rings = panel_rows / ring_rows; // rings side by side in the same columns
inline constexpr unsigned block_rings = block_parts * part_rings;

// `quarters`: the rate in quarter bits per weight, 6 (1.5 bits) … 20 (5 bits).
inline constexpr unsigned min_quarters = 6, max_quarters = 20;

constexpr std::size_t block_words(unsigned quarters) { return std::size_t(lanes) * quarters; }
constexpr std::size_t block_bytes(unsigned quarters) { return 4 * block_words(quarters); }
constexpr std::size_t ring_bytes(unsigned quarters) { return std::size_t(ring_lanes) * quarters; }

constexpr std::size_t panels(std::size_t rows) { return (rows + panel_rows - 1) / panel_rows; }
constexpr std::size_t blocks(std::size_t columns) { return (columns + block_columns - 1) / block_columns; }

// --- the stream of a ring

constexpr unsigned first_bit(unsigned step, unsigned quarters) { return step * quarters / 4; }
// Bits between the windows of step t - 1 and step t; step 0 follows step 255.
constexpr unsigned new_bits(unsigned step, unsigned quarters) {
  const unsigned before = (step + 3) % 4; // the pattern repeats every four steps
  return first_bit(before + 1, quarters) - first_bit(before, quarters);
}

// --- where things lie in a block

// Word w (of `quarters`) of a lane: words in fours as long as there are four, then one by one.
constexpr std::size_t word_index(unsigned word, unsigned lane, unsigned quarters) {
  return word < quarters / 4 * 4 ? std::size_t(word / 4) * 4 * lanes + 4 * lane + word % 4
                                 : std::size_t(word) * lanes + lane;
}

// Ring r = 4 part + i (0 … 15) is of lanes 8 i … 8 i + 7. The place in the block of byte `byte` (of
// ring_bytes()) of its stream; words are little-endian.
constexpr std::size_t ring_byte_index(unsigned ring, unsigned byte, unsigned quarters) {
  const unsigned lane = ring % part_rings * ring_lanes + byte / quarters;
  const unsigned lane_byte = ring / part_rings * quarters + byte % quarters;
  return 4 * word_index(lane_byte / 4, lane, quarters) + lane_byte % 4;
}

struct TilePosition {
  unsigned row, column; // in the block
};
// Where weight t of ring r lies. Rings i of a part have rows {2i, 2i+1, 2i+8, 2i+9} + {0, 16, 32, 48}.
constexpr TilePosition tile_position(unsigned ring, unsigned step) {
  const unsigned lane = ring % part_rings * ring_lanes + step / lane_weights;
  const unsigned value = step % lane_weights, high = value / 8, half = value / 4 % 2, reg = value % 4;
  return {16 * high + lane / 4 + 8 * (reg & 1),
          ring / part_rings * ring_columns + 8 * half + lane % 4 + 4 * (reg >> 1)};
}

// The inverse: which ring and which of its weights row and column (both below 64) are.
struct RingStep {
  unsigned ring, step;
};
constexpr RingStep ring_step(unsigned row, unsigned column) {
  const unsigned lane = row % 8 * 4 + column % 4;
  const unsigned reg = row / 8 % 2 + column / 4 % 2 * 2, half = column / 8 % 2, high = row / 16;
  return {column / ring_columns * part_rings + lane / ring_lanes,
          lane % ring_lanes * lane_weights + 8 * high + 4 * half + reg};
}

} // namespace intarsia::trellis

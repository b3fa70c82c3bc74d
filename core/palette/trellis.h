// SPDX-License-Identifier: GPL-3.0-or-later
// The geometry of a trellis-coded tile: 256 weights of a 16 x 16 tile, one circular stream of bits, and the
// window of 16 bits that each weight is read from. Shared by host and device.
//
// A bitshift trellis (QTIP, arXiv 2406.11235, section 3.1) whose rate changes from step to step: at b bits a
// weight, weight t of the tile is a function of the 16 bits that begin at bit floor(t b) of the stream, so a
// step adds floor(b) or ceil(b) new bits, b on average, and every weight can be decoded alone. The stream is
// circular (tail-biting): the last windows go on at bit 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::trellis {

inline constexpr unsigned state_bits = 16;
inline constexpr unsigned states = 1u << state_bits;
inline constexpr unsigned tile_side = 16;
inline constexpr unsigned tile_weights = tile_side * tile_side;

// `quarters`: the rate in quarter bits a weight, 4 (1 bit) … 20 (5 bits).
inline constexpr unsigned least_quarters = 4, most_quarters = 20;

constexpr std::size_t tile_bytes(unsigned quarters) { return std::size_t(quarters) * tile_weights / 32; }
constexpr unsigned first_bit(unsigned step, unsigned quarters) { return step * quarters / 4; }
// Bits between the windows of step t - 1 and step t; step 0 follows step 255.
constexpr unsigned new_bits(unsigned step, unsigned quarters) {
  const unsigned before = (step + 3) % 4; // the pattern repeats every four steps
  return first_bit(before + 1, quarters) - first_bit(before, quarters);
}

// Where weight t lies in the tile. Eight successive weights are what one lane of a warp holds of a 16 x 16 A
// fragment of mma.m16n8k16 (PTX ISA, "Matrix fragments for mma.m16n8k16"), in the order of its registers.
struct Place {
  unsigned row, column;
};
constexpr Place place(unsigned step) {
  const unsigned lane = step / 8, value = step % 8;
  return {lane / 4 + (value & 2) * 4, lane % 4 * 2 + (value & 1) + (value & 4) * 2};
}

} // namespace intarsia::trellis

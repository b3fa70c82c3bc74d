// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A lane's words of a block of the trellis code (core/palette/trellis.h) and its windows. The rate is known
// when the kernel is compiled, so that words stay in registers and every shift is a constant.
#pragma once

#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "cuda/simt/simt.cuh"

namespace intarsia::kernels {

template <int quarters>
struct TrellisWords {
  static constexpr int words_a_block = int(trellis::lanes) * quarters;
  std::uint32_t word[quarters];

  // Of the block at `block`, 16-byte aligned; each is read once in a launch.
  INTARSIA_DEVICE void load(const std::uint32_t* block, int lane) {
    const auto* fours = reinterpret_cast<const simt::uint4*>(block) + lane;
    INTARSIA_UNROLL
    for (int i = 0; i < quarters / 4; ++i) {
      const simt::uint4 four = simt::load_streaming(fours + i * int(trellis::lanes));
      word[4 * i] = four.x, word[4 * i + 1] = four.y, word[4 * i + 2] = four.z, word[4 * i + 3] = four.w;
    }
    INTARSIA_UNROLL
    for (int i = quarters / 4 * 4; i < quarters; ++i)
      word[i] = simt::load_streaming(block + i * int(trellis::lanes) + lane);
  }

  // The 32 bits from `bit` on, zeros beyond the last word.
  INTARSIA_DEVICE std::uint32_t from(int bit) const {
    const int first = bit / 32, shift = bit % 32;
    if (shift == 0) return word[first];
    if (first + 1 < quarters) return simt::funnel_shift_right(word[first], word[first + 1], unsigned(shift));
    return word[first] >> shift;
  }

  // A ring's part goes on in the next lane: the last 16 bits of this lane's, and the first of that.
  INTARSIA_DEVICE std::uint32_t seam(int part, int next_lane) const {
    const std::uint32_t behind = simt::shuffle(from(8 * quarters * part), next_lane);
    return simt::byte_permute(from(8 * quarters * (part + 1) - 16), behind, 0x5410);
  }

  // The state of weight `step` of the part, 0 … 31.
  INTARSIA_DEVICE std::uint32_t state(int part, int step, std::uint32_t seam_bits) const {
    const int begin = 8 * quarters * part, end = begin + 8 * quarters, bit = begin + step * quarters / 4;
    if (bit + 16 > end) return half_word(seam_bits, bit - (end - 16));
    if (bit % 32 <= 16) return half_word(word[bit / 32], bit % 32);
    return from(bit) & trellis::state_mask;
  }

 private:
  // 16 bits from `shift` on. Shifted up (a multiplication for the compiler) and down again, which takes as
  // many instructions as a shift and a mask, but one of them goes to the pipe that has less to do.
  INTARSIA_DEVICE static std::uint32_t half_word(std::uint32_t bits, int shift) {
    if (shift == 0) return bits & trellis::state_mask;
    if (shift == 16) return bits >> 16;
    return simt::opaque(bits << (16 - shift)) >> 16;
  }
};

// Of the same ring.
INTARSIA_DEVICE int next_ring_lane(int lane) {
  constexpr int ring = int(trellis::ring_lanes);
  return lane / ring * ring + (lane + 1) % ring;
}

} // namespace intarsia::kernels

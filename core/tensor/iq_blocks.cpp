// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Blocks of 256 weights whose codes name 8 or 4 values at once.
#include <bit>

#include "core/base/half.h"
#include "core/tensor/block_bytes.h"
#include "core/tensor/block_decoders.h"
#include "core/tensor/iq_grids.h"

namespace intarsia::block_decoders {
namespace {

// Seven stored signs; the eighth makes their number even.
unsigned eight_signs(unsigned seven) { return seven | unsigned(std::popcount(seven) & 1) << 7; }

template <int count>
void put(float scale, const std::int8_t* values, unsigned signs, float*& out) {
  for (int i = 0; i < count; ++i) {
    const float value = scale * float(values[i]);
    *out++ = signs >> i & 1 ? -value : value;
  }
}

void put_shifted(float scale, const std::int8_t* values, float shift, float*& out) {
  for (int i = 0; i < 8; ++i) *out++ = scale * (float(values[i]) + shift);
}

constexpr float iq1_shift = 0.125f;

float quarter_scale(float d, unsigned scale) { return d * (0.5f + float(scale)) * 0.25f; }

} // namespace

// d, then for each 32 weights four codes and 32 bits: four times 7 signs, 4 bits of scale.
void iq2_xxs(Block b, float* out) {
  const float d = load_half(b);
  for (int group = 0; group < 8; ++group) {
    const Block codes = b + 2 + 8 * group;
    const auto rest = load<std::uint32_t>(codes + 4);
    const float scale = quarter_scale(d, rest >> 28);
    for (int i = 0; i < 4; ++i)
      put<8>(scale, iq_grids().iq2_xxs + 8 * codes[i], eight_signs(rest >> 7 * i & 127), out);
  }
}

// d, 32 times 16 bits (9 of code, 7 signs), eight bytes of two 4-bit scales.
void iq2_xs(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 32; ++i) {
    const unsigned word = load<std::uint16_t>(b + 2 + 2 * i);
    const float scale = quarter_scale(d, unsigned(b[66 + i / 4]) >> 4 * (i / 2 % 2) & 15);
    put<8>(scale, iq_grids().iq2_xs + 8 * (word & 511), eight_signs(word >> 9), out);
  }
}

// d, low 8 bits of 32 codes, their 32 times 8 signs, their high 2 bits, eight bytes of two 4-bit scales.
void iq2_s(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 32; ++i) {
    const unsigned high = unsigned(b[66 + i / 4]) >> 2 * (i % 4) & 3;
    const float scale = quarter_scale(d, unsigned(b[74 + i / 4]) >> 4 * (i / 2 % 2) & 15);
    put<8>(scale, iq_grids().iq2_s + 8 * (b[2 + i] | high << 8), b[34 + i], out);
  }
}

// d, 64 codes of four values, then 32 bits for each 32 weights as in iq2_xxs.
void iq3_xxs(Block b, float* out) {
  const float d = load_half(b);
  for (int group = 0; group < 8; ++group) {
    const auto rest = load<std::uint32_t>(b + 66 + 4 * group);
    const float scale = d * (0.5f + float(rest >> 28)) * 0.5f;
    for (int i = 0; i < 4; ++i) {
      const unsigned signs = eight_signs(rest >> 7 * i & 127);
      const Block codes = b + 2 + 8 * group + 2 * i;
      put<4>(scale, iq_grids().iq3_xxs + 4 * codes[0], signs, out);
      put<4>(scale, iq_grids().iq3_xxs + 4 * codes[1], signs >> 4, out);
    }
  }
}

// d, low 8 bits of 64 codes, their high bits, 32 times 8 signs, four bytes of two 4-bit scales.
void iq3_s(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 64; ++i) {
    const unsigned high = unsigned(b[66 + i / 8]) >> i % 8 & 1;
    const unsigned scale = unsigned(b[106 + i / 16]) >> 4 * (i / 8 % 2) & 15;
    put<4>(d * float(1 + 2 * scale), iq_grids().iq3_s + 4 * (b[2 + i] | high << 8),
           unsigned(b[74 + i / 2]) >> 4 * (i % 2), out);
  }
}

// d, low 8 bits of 32 codes, then 16 bits for each 32 weights: four times 3 high bits, scale, sign of the
// shift.
void iq1_s(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 32; ++i) {
    const unsigned rest = load<std::uint16_t>(b + 34 + 2 * (i / 4));
    const unsigned code = b[2 + i] | (rest >> 3 * (i % 4) & 7) << 8;
    const float shift = rest & 0x8000 ? -iq1_shift : iq1_shift;
    put_shifted(d * float(2 * (rest >> 12 & 7) + 1), iq_grids().iq1 + 8 * code, shift, out);
  }
}

// Low 8 bits of 32 codes, 4 bits for each (3 high bits, sign of the shift), then four times 16 bits: four
// scales of 3 bits, and a quarter of d.
void iq1_m(Block b, float* out) {
  unsigned bits = 0;
  for (int i = 0; i < 4; ++i) bits |= unsigned(load<std::uint16_t>(b + 48 + 2 * i) >> 12) << 4 * i;
  const float d = half_to_float(std::uint16_t(bits));
  for (int i = 0; i < 32; ++i) {
    const unsigned rest = unsigned(b[32 + i / 2]) >> 4 * (i % 2);
    const unsigned code = b[i] | (rest & 7) << 8;
    const unsigned scale = unsigned(load<std::uint16_t>(b + 48 + 2 * (i / 8))) >> 3 * (i / 2 % 4) & 7;
    put_shifted(d * float(2 * scale + 1), iq_grids().iq1 + 8 * code, rest & 8 ? -iq1_shift : iq1_shift, out);
  }
}

} // namespace intarsia::block_decoders

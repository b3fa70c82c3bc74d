// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Blocks whose codes name one value each: by a table, in three levels, or as tiny floating-point numbers.
#include <bit>

#include "core/base/float8.h"
#include "core/tensor/block_bytes.h"
#include "core/tensor/block_decoders.h"

namespace intarsia::block_decoders {
namespace {

constexpr float iq4_values[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// E2M1, doubled: its scales are halved.
constexpr float e2m1_values[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// `half` low nibbles, then as many high ones.
void put_nibbles(Block q, int half, float scale, const float* values, float* out) {
  for (int i = 0; i < half; ++i) {
    out[i] = scale * values[q[i] & 15];
    out[i + half] = scale * values[q[i] >> 4];
  }
}

// Half of 2^(bits - 127); 2^-128 is subnormal.
float half_power(std::uint8_t bits) {
  return std::bit_cast<float>(bits < 2 ? 0x00200000u << bits : std::uint32_t(bits - 1) << 23);
}

} // namespace

void iq4_nl(Block b, float* out) { put_nibbles(b + 2, 16, load_half(b), iq4_values, out); }

// d, high 2 bits of eight scales, their low 4 bits, nibbles of eight times 32 weights.
void iq4_xs(Block b, float* out) {
  const float d = load_half(b);
  const unsigned high = load<std::uint16_t>(b + 2);
  for (int group = 0; group < 8; ++group) {
    const unsigned low = unsigned(b[4 + group / 2]) >> 4 * (group % 2) & 15;
    const int scale = int(low | (high >> 2 * group & 3) << 4) - 32;
    put_nibbles(b + 8 + 16 * group, 16, d * float(scale), iq4_values, out + 32 * group);
  }
}

// d as f32, 256 values, sums of 16 each that only products use.
void q8_k(Block b, float* out) {
  const auto d = load<float>(b);
  for (int i = 0; i < 256; ++i) out[i] = d * float(static_cast<std::int8_t>(b[4 + i]));
}

// Five ternary digits a byte (four in the last four bytes), as the fraction byte / 256: a digit is what lies
// left of the point after a multiplication by 3.
void tq1_0(Block b, float* out) {
  const float d = load_half(b + 52);
  constexpr unsigned powers[] = {1, 3, 9, 27, 81};
  const auto put = [&](Block bytes, int count, int digits) {
    for (int digit = 0; digit < digits; ++digit)
      for (int i = 0; i < count; ++i) *out++ = d * float(int((bytes[i] * powers[digit] & 255) * 3 >> 8) - 1);
  };
  put(b, 32, 5);
  put(b + 32, 16, 5);
  put(b + 48, 4, 4);
}

void tq2_0(Block b, float* out) {
  const float d = load_half(b + 64);
  for (int half = 0; half < 2; ++half)
    for (int shift = 0; shift < 8; shift += 2)
      for (int i = 0; i < 32; ++i) *out++ = d * float(int(b[32 * half + i] >> shift & 3) - 1);
}

void mxfp4(Block b, float* out) { put_nibbles(b + 1, 16, half_power(b[0]), e2m1_values, out); }

// Four scales (E4M3 without sign), nibbles of four times 16 weights.
void nvfp4(Block b, float* out) {
  for (int group = 0; group < 4; ++group) {
    // ggml reads the pattern of NaN as 0.
    const float scale = (b[group] & 127) == 127 ? 0 : 0.5f * float8_e4m3_to_float(b[group] & 127);
    put_nibbles(b + 4 + 8 * group, 8, scale, e2m1_values, out + 16 * group);
  }
}

} // namespace intarsia::block_decoders

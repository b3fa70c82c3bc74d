// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/simt.cuh"

namespace intarsia::simt::host {

void Mma::multiply(Mma* const* lanes) {
  float a[16][16], b[16][8];
  for (int i = 0; i < warp_size; ++i) {
    const int g = i / 4, t = 2 * (i % 4);
    for (int r = 0; r < 4; ++r) {
      const int row = g + 8 * (r % 2), column = t + 8 * (r / 2);
      a[row][column] = low({lanes[i]->a[r]});
      a[row][column + 1] = high({lanes[i]->a[r]});
    }
    for (int r = 0; r < 2; ++r) {
      b[t + 8 * r][g] = low({lanes[i]->b[r]});
      b[t + 8 * r + 1][g] = high({lanes[i]->b[r]});
    }
  }
  for (int i = 0; i < warp_size; ++i)
    for (int r = 0; r < 4; ++r) {
      const int row = i / 4 + 8 * (r / 2), column = 2 * (i % 4) + r % 2;
      double sum = double(lanes[i]->d[r]); // the hardware's own order and rounding are not documented
      for (int k = 0; k < 16; ++k) sum += double(a[row][k]) * double(b[k][column]);
      lanes[i]->d[r] = float(sum);
    }
}

void ByteMma::multiply(ByteMma* const* lanes) {
  std::uint32_t a[16][32], b[32][8]; // bytes; B's with their signs
  for (int i = 0; i < warp_size; ++i) {
    const int g = i / 4, t = 4 * (i % 4);
    for (int r = 0; r < 4; ++r)
      for (int k = 0; k < 4; ++k)
        a[g + 8 * (r % 2)][t + 16 * (r / 2) + k] = lanes[i]->a[r] >> (8 * k) & 0xFFu;
    for (int r = 0; r < 2; ++r)
      for (int k = 0; k < 4; ++k)
        b[t + 16 * r + k][g] = std::uint32_t(std::int32_t(std::int8_t(lanes[i]->b[r] >> (8 * k) & 0xFFu)));
  }
  for (int i = 0; i < warp_size; ++i)
    for (int r = 0; r < 4; ++r) {
      const int row = i / 4 + 8 * (r / 2), column = 2 * (i % 4) + r % 2;
      auto sum = std::uint32_t(lanes[i]->d[r]);
      for (int k = 0; k < 32; ++k) sum += a[row][k] * b[k][column];
      lanes[i]->d[r] = std::int32_t(sum);
    }
}

} // namespace intarsia::simt::host

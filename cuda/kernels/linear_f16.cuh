// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// y = W x for a batch of few rows and W in f16, with tensor cores.
#pragma once

#include "cuda/kernels/linear_product.cuh"

namespace intarsia::kernels {

// Eight neighbours of a row, or of one that ends on the way.
INTARSIA_DEVICE simt::uint4 eight_halves(const Half* row, int k, int d_in) {
  if (d_in % 8 == 0 && k < d_in) return simt::load_cached(reinterpret_cast<const simt::uint4*>(row + k));
  std::uint32_t pair[4];
  INTARSIA_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int at = k + 2 * i;
    pair[i] =
        simt::pack(at < d_in ? row[at] : std::uint16_t(0), at + 1 < d_in ? row[at + 1] : std::uint16_t(0))
            .bits;
  }
  return {pair[0], pair[1], pair[2], pair[3]};
}

inline constexpr int f16_threads = 256;
inline constexpr int f16_step = 32, f16_steps_at_once = 4; // columns; steps whose loads go out together

// Row-major f16, rows (d_in + 7) / 8 * 8 apart. A lane reads 16 bytes of rows g and g + 8 and of x's row n.
// Which columns make up an mma's k is free as long as A and B agree: lane t's eight are columns
// 2 t, 2 t + 1, 2 t + 8 and 2 t + 9 of two of them. grid and y: as linear_group, of 16 rows. sums_bytes().
template <int eights>
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(f16_threads, 2) f16_linear_group(LinearGroup group) {
  const int lane = simt::lane(), warps = int(simt::block_dim().x) / simt::warp_size;
  int block = int(simt::block_index().x);
  const LinearMember& member = group.members[find_member(group.members, block)];
  const int stride = (group.d_in + 7) / 8 * 8;
  const simt::uint4* w[2];
  INTARSIA_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = 16 * block + lane / 4 + 8 * half, last = member.rows - 1;
    w[half] =
        reinterpret_cast<const simt::uint4*>(reinterpret_cast<const Half*>(member.codes) +
                                             std::size_t(row < last ? row : last) * std::size_t(stride));
  }
  TensorProduct<eights> products[1] = {};
  const int steps = (stride + f16_step - 1) / f16_step;
  for (int first = simt::warp() * f16_steps_at_once; first < steps; first += warps * f16_steps_at_once) {
    simt::uint4 rows[f16_steps_at_once][2], x[f16_steps_at_once][eights];
    INTARSIA_UNROLL
    for (int s = 0; s < f16_steps_at_once; ++s) {
      const int k = (first + s) * f16_step + 8 * (lane % 4);
      INTARSIA_UNROLL
      for (int half = 0; half < 2; ++half)
        rows[s][half] = k < stride ? simt::load_streaming(w[half] + k / 8) : simt::uint4{0, 0, 0, 0};
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) {
        const int n = 8 * i + lane / 4;
        x[s][i] = n < group.batch && k < group.d_in
                      ? eight_halves(group.x + std::size_t(n) * std::size_t(group.d_in), k, group.d_in)
                      : simt::uint4{0, 0, 0, 0};
      }
    }
    INTARSIA_UNROLL
    for (int s = 0; s < f16_steps_at_once; ++s) {
      const std::uint32_t a[4] = {rows[s][0].x, rows[s][1].x, rows[s][0].y, rows[s][1].y};
      const std::uint32_t c[4] = {rows[s][0].z, rows[s][1].z, rows[s][0].w, rows[s][1].w};
      INTARSIA_UNROLL
      for (int i = 0; i < eights; ++i) {
        const std::uint32_t b[2] = {x[s][i].x, x[s][i].y}, e[2] = {x[s][i].z, x[s][i].w};
        simt::mma_m16n8k16(products[0].d[i], a, b);
        simt::mma_m16n8k16(products[0].d[i], c, e);
      }
    }
  }
  write_sums(products, member, 16 * block, 0, group.batch);
}

} // namespace intarsia::kernels

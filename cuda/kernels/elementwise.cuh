// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What is done to each element alone. Grids of any size: each thread strides over the elements.
#pragma once

#include "cuda/kernels/element.cuh"

namespace intarsia::kernels {

INTARSIA_DEVICE std::size_t first_element() {
  return std::size_t(simt::block_index().x) * simt::block_dim().x + simt::thread_index().x;
}
INTARSIA_DEVICE std::size_t element_step() { return std::size_t(simt::grid_dim().x) * simt::block_dim().x; }

// out = silu(gate) * up; rows of `width`, `stride` elements apart in gate and up, dense in out.
template <typename Out>
INTARSIA_KERNEL void swiglu(const float* gate, const float* up, std::size_t stride, int width,
                            std::size_t count, Out* out) {
  for (std::size_t i = first_element(); i < count; i += element_step()) {
    const std::size_t from = i / std::size_t(width) * stride + i % std::size_t(width);
    store(out + i, silu(gate[from]) * up[from]);
  }
}

// residual += x.
INTARSIA_KERNEL void add_residual(const float* x, std::size_t count, float* residual) {
  for (std::size_t i = first_element(); i < count; i += element_step()) residual[i] += x[i];
}

// y += bias in every row; rows of `width`, `stride` elements apart.
INTARSIA_KERNEL void add_bias(const float* bias, int width, std::size_t count, float* y, std::size_t stride) {
  for (std::size_t i = first_element(); i < count; i += element_step())
    y[i / std::size_t(width) * stride + i % std::size_t(width)] += bias[i % std::size_t(width)];
}

// x_i <- -x_i where bit i of the row is set; dense rows.
INTARSIA_KERNEL void flip_signs(const std::uint8_t* signs, int width, std::size_t count, float* x) {
  for (std::size_t i = first_element(); i < count; i += element_step()) {
    const unsigned column = unsigned(i % std::size_t(width));
    if (unsigned(signs[column / 8]) >> (column % 8) & 1u) x[i] = -x[i];
  }
}

// Row tokens[t] of the table becomes row t of out; a token outside the table gives NaN, not a fault.
template <typename Table>
INTARSIA_KERNEL void gather_rows(const Table* table, std::size_t rows, const int* tokens, int width,
                                 std::size_t count, float* out) {
  for (std::size_t i = first_element(); i < count; i += element_step()) {
    const int token = tokens[i / std::size_t(width)];
    const bool known = token >= 0 && std::size_t(token) < rows;
    const std::size_t place = known ? std::size_t(token) * std::size_t(width) + i % std::size_t(width) : 0;
    out[i] = known ? load(table + place) : simt::float_from_bits(0x7FC00000u);
  }
}

} // namespace intarsia::kernels
